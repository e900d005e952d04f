import { afterEach, describe, expect, it, vi } from 'vitest';
import { consentFor, requestAbout } from '../src/about';
import { levelOf } from '../src/meter';
import { RequestFailed } from '../src/token';

describe('who will answer', () => {
  afterEach(() => void vi.unstubAllGlobals());

  function answer(status: number, body: string): { asked: () => string } {
    const fetch = vi.fn(async (_path: string, _init: RequestInit) => new Response(body, { status }));
    vi.stubGlobal('fetch', fetch);
    return { asked: () => fetch.mock.calls[0]?.[0] ?? '' };
  }

  it('is asked with what the address names, and nothing else', async () => {
    const bank = answer(200, '{"title":"Wadi Bank","languages":["ar","en"],"choosable":true,"consent":{"ar":"ا"}}');
    const about = await requestAbout({ assistant: 'bank', language: 'ar', room: 'r', user: 'u' });
    expect(bank.asked()).toBe('/api/assistant?assistant=bank&language=ar');
    expect(about).toEqual({
      title: 'Wadi Bank',
      languages: ['ar', 'en'],
      choosable: true,
      consent: new Map([['ar', 'ا']]),
    });
  });

  it('is nobody where the server cannot say, for there may be consent to give', async () => {
    for (const [status, kind] of [[404, 'assistant-unknown'], [500, 'token-refused'], [502, 'token-refused']] as const) {
      answer(status, '<html>');
      await expect(requestAbout({})).rejects.toSatisfy((e) => e instanceof RequestFailed && e.problem.kind === kind);
    }
  });

  it('survives values of other types', async () => {
    answer(200, '{"title":7,"languages":"ar","choosable":"yes","consent":{"ar":null,"en":3}}');
    expect(await requestAbout({})).toEqual({ title: undefined, languages: [], choosable: false, consent: new Map() });
  });

  it('is agreed to in the page’s language, else in one the assistant speaks', () => {
    const about = { title: undefined, languages: ['fr', 'ar'], choosable: true };
    const both = { ...about, consent: new Map([['ar', 'نسجل'], ['en', 'We record']]) };
    expect(consentFor(both, 'en')).toEqual({ language: 'en', words: 'We record' });
    expect(consentFor({ ...about, consent: new Map([['ar', 'نسجل']]) }, 'en')).toEqual({ language: 'ar', words: 'نسجل' });
    expect(consentFor({ ...about, consent: new Map() }, 'en')).toBeUndefined();
  });
});

describe('a level meter', () => {
  it('rests in silence, moves with speech, and has an end', () => {
    expect(levelOf(new Float32Array(1024))).toBe(0);
    expect(levelOf(new Float32Array(0))).toBe(0);
    const speech = levelOf(new Float32Array(1024).fill(0.05));
    expect(speech).toBeGreaterThan(0.4);
    expect(speech).toBeLessThan(0.9);
    expect(levelOf(new Float32Array(1024).fill(1))).toBe(1);
  });
});
