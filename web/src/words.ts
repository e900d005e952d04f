// The languages that the page is written in. Pure: knows no page.

import { ar } from './words/ar';
import { en } from './words/en';

type Widened<T> = {
  readonly [Key in keyof T]: T[Key] extends string
    ? string
    : T[Key] extends (...parts: never[]) => string
      ? T[Key]
      : Widened<T[Key]>;
};

/** All words of the page. Another language that lacks one, or has one too many, is a type error. */
export type Words = Widened<typeof en>;

export type PageLanguage = 'ar' | 'en';

export const WORDS: Record<PageLanguage, Words> = { ar, en };

export function isPageLanguage(tag: string): tag is PageLanguage {
  return Object.hasOwn(WORDS, tag);
}

/** The first of these BCP 47 tags that the page is written in; English where there is none. */
export function readableLanguage(tags: readonly string[]): PageLanguage {
  const primary = tags.map((tag) => tag.toLowerCase().split('-')[0] ?? '');
  return primary.find(isPageLanguage) ?? 'en';
}
