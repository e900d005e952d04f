import { describe, expect, it } from 'vitest';
import { readAddress } from '../src/address';

describe('the address of the page', () => {
  it('may name nothing at all', () => {
    for (const search of ['', '?', '?room=&user=', '?other=<b>']) {
      expect(readAddress(search)).toEqual({ request: {}, lang: undefined, fault: undefined });
    }
  });

  it('names room, caller, assistant and language, in any script', () => {
    const search = '?room=front-desk&user=%D8%B3%D8%A7%D8%B1%D8%A9&assistant=bank&lang=ar&language=en';
    expect(readAddress(search)).toEqual({
      request: { room: 'front-desk', user: 'سارة', assistant: 'bank', language: 'en' },
      lang: 'ar',
      fault: undefined,
    });
  });

  it.each([
    ['?room=<script>alert(1)</script>', 'room', 'characters'],
    ['?room=../../etc', 'room', 'characters'],
    ['?user=a%00b', 'user', 'characters'],
    ['?user=a%E2%80%AEb', 'user', 'characters'],
    ['?user=%FF%FE', 'user', 'characters'],
    ['?user=agent-1', 'user', 'agent'],
    [`?room=${'x'.repeat(65)}`, 'room', 'long'],
    [`?assistant=${'%D8%A7'.repeat(65)}`, 'assistant', 'long'],
    ['?lang=fr', 'lang', 'choice'],
    ['?lang=javascript:alert(1)', 'lang', 'choice'],
    ['?lang=__proto__', 'lang', 'choice'],
    ['?room=a&room=b', 'room', 'twice'],
  ] as const)('%s is refused', (search, parameter, fault) => {
    expect(readAddress(search)).toEqual({ request: {}, lang: undefined, fault: { parameter, fault } });
  });

  it('takes 64 characters and no more, whatever their bytes', () => {
    expect(readAddress(`?room=${encodeURIComponent('𞸀'.repeat(64))}`).fault).toBeUndefined();
  });
});
