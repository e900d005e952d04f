// Puts the page's own words into index.html, in one language or the other.

import type { Words } from './words';

/** Fills every element that names a text, and turns the page to the language's side. */
export function translate(root: Document, words: Words): void {
  root.documentElement.lang = words.lang;
  root.documentElement.dir = words.dir;
  root.title = words.page.title;
  for (const element of root.querySelectorAll<HTMLElement>('[data-words]')) {
    element.textContent = pageText(words, element.dataset.words);
  }
  for (const input of root.querySelectorAll<HTMLInputElement>('[data-placeholder]')) {
    input.placeholder = pageText(words, input.dataset.placeholder);
  }
}

function pageText(words: Words, key: string | undefined): string {
  const texts: Record<string, string> = words.page;
  const text = texts[key ?? ''];
  if (text === undefined) throw new Error(`no words have the name ${key}. This is a bug.`);
  return text;
}
