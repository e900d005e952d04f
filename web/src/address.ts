// What the address of the page asks for: `?room=…&user=…&assistant=…&lang=…`, all optional. Values
// that the server would refuse are refused here too, so that a caller is told before a call.

import type { TokenRequest } from './token';
import { isPageLanguage, type PageLanguage } from './words';

export type Parameter = 'room' | 'user' | 'assistant' | 'lang' | 'language';
export type Fault = 'long' | 'characters' | 'agent' | 'choice' | 'twice';

export interface Address {
  request: TokenRequest;
  /** The language that the page is to be read in. */
  lang: PageLanguage | undefined;
  /** The first thing that is wrong; then nobody is called. */
  fault: { parameter: Parameter; fault: Fault } | undefined;
}

const CHARS_MAX = 64;
const PLAIN = /^[\p{L}\p{N}\p{M}\-_.:@+]+$/u;
const PARAMETERS = ['room', 'user', 'assistant', 'lang', 'language'] as const;

export function readAddress(search: string): Address {
  const query = new URLSearchParams(search);
  const values: Partial<Record<Parameter, string>> = {};
  for (const parameter of PARAMETERS) {
    const all = query.getAll(parameter);
    const value = all[0]?.trim() ?? '';
    const fault = all.length > 1 ? 'twice' : value === '' ? undefined : faultOf(parameter, value);
    if (fault) return { request: {}, lang: undefined, fault: { parameter, fault } };
    if (value !== '') values[parameter] = value;
  }
  const { lang, ...request } = values;
  return {
    request,
    lang: lang !== undefined && isPageLanguage(lang) ? lang : undefined,
    fault: undefined,
  };
}

function faultOf(parameter: Parameter, value: string): Fault | undefined {
  if (parameter === 'lang') return isPageLanguage(value) ? undefined : 'choice';
  if ([...value].length > CHARS_MAX) return 'long';
  if (!PLAIN.test(value)) return 'characters';
  // That name is for agents: LiveKit lets a newcomer take the place of whoever has its name.
  if (parameter === 'user' && value.startsWith('agent-')) return 'agent';
  return undefined;
}
