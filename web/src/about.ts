// Who will answer, and what a caller is to agree to first: one question to our own server.

import { jsonObject, problemDetail, reach, RequestFailed, text, type TokenRequest } from './token';
import type { PageLanguage } from './words';

export interface About {
  /** For people. */
  title: string | undefined;
  languages: string[];
  /** Whether a request may name assistant and language. */
  choosable: boolean;
  /** What is to be agreed to, by language; empty: nothing. */
  consent: Map<string, string>;
}

/** Asks. Throws `RequestFailed`: who cannot be asked is not called, for there may be consent to give. */
export async function requestAbout(request: TokenRequest): Promise<About> {
  const query = new URLSearchParams();
  if (request.assistant) query.set('assistant', request.assistant);
  if (request.language) query.set('language', request.language);
  const response = await reach(`/api/assistant?${query}`, { method: 'GET' });
  if (!response.ok) {
    const detail = await problemDetail(response);
    const { status } = response;
    throw new RequestFailed(
      status === 404 ? { kind: 'assistant-unknown', detail } : { kind: 'token-refused', status, detail },
    );
  }
  const about = await jsonObject(response);
  const languages = Array.isArray(about.languages) ? about.languages : [];
  return {
    title: text(about.title),
    languages: languages.filter((tag) => typeof tag === 'string'),
    choosable: about.choosable === true,
    consent: texts(about.consent),
  };
}

/** What is to be agreed to, in the page's language where the assistant has it in that one. */
export function consentFor(about: About, language: PageLanguage): { language: string; words: string } | undefined {
  for (const tag of [language, ...about.languages, ...about.consent.keys()]) {
    const words = about.consent.get(tag);
    if (words) return { language: tag, words };
  }
  return undefined;
}

function texts(value: unknown): Map<string, string> {
  const all = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return new Map(all.flatMap(([tag, words]) => (text(words) ? [[tag, String(words)] as const] : [])));
}
