import { afterEach, describe, expect, it, vi } from 'vitest';
import page from '../index.html?raw';
import { explain, microphoneProblem, type Problem } from '../src/errors';
import { agentText, endReason, statusText } from '../src/status';
import { requestAgent, requestTicket, RequestFailed } from '../src/token';
import { readableLanguage, WORDS } from '../src/words';
import { ar } from '../src/words/ar';
import { en } from '../src/words/en';

const PROBLEMS: Problem[] = [
  { kind: 'microphone-refused' },
  { kind: 'microphone-missing' },
  { kind: 'microphone-busy' },
  { kind: 'page-not-secure' },
  { kind: 'address-refused', parameter: 'room', fault: 'characters' },
  { kind: 'assistant-unknown', detail: 'there is no assistant "bnk"' },
  { kind: 'token-refused', status: 422, detail: 'room_name is longer than 128 bytes' },
  { kind: 'page-server-unreachable' },
  { kind: 'call-server-unreachable', address: 'ws://127.0.0.1:7880' },
  { kind: 'network-lost' },
  { kind: 'call-lost' },
  { kind: 'server-stopped' },
  { kind: 'device-refused' },
  { kind: 'dispatch-refused', detail: 'no worker is registered' },
  { kind: 'agent-missing', detail: 'no worker is registered' },
  { kind: 'agent-not-ready' },
  { kind: 'agent-left' },
  { kind: 'audio-blocked' },
  { kind: 'text-not-sent' },
  { kind: 'unexpected', detail: 'x' },
];

describe.each([en, ar])('every problem in $lang', (words) => {
  it.each(PROBLEMS.map((p) => [p.kind, p] as const))('%s says what to do next', (_kind, problem) => {
    const { title, advice, detail } = explain(problem, words);
    expect(title).not.toBe('');
    expect(title.endsWith('.')).toBe(false);
    expect(advice.endsWith('.')).toBe(true);
    if ('detail' in problem) expect(detail).toBe(problem.detail);
  });

  it('has no empty detail line when the server said nothing', () => {
    expect(explain({ kind: 'agent-missing', detail: undefined }, words)).not.toHaveProperty('detail');
    expect(explain({ kind: 'token-refused', status: 503, detail: undefined }, words).detail).toBe('HTTP 503');
  });

  it('of the address names what is wrong there', () => {
    expect(explain({ kind: 'address-refused', parameter: 'room', fault: 'long' }, words).advice).toMatch(/room.*64|room.*٦٤/);
  });

  it('of a refused token tells a full server from a forbidden one', () => {
    const titles = [503, 401, 403, 429, 500, 422].map(
      (status) => explain({ kind: 'token-refused', status, detail: undefined }, words).title,
    );
    expect(new Set(titles).size).toBe(5);
    expect(titles[0]).toBe(words.problem['server-full'].title);
  });

  it('of the microphone lets the caller go on by typing', () => {
    for (const kind of ['microphone-refused', 'microphone-missing', 'microphone-busy'] as const) {
      expect(explain({ kind }, words).advice).toMatch(/type|الكتابة/);
    }
  });
});

describe('the words', () => {
  const texts = (words: object): string[] =>
    Object.values(words).flatMap((value: unknown) => {
      if (typeof value === 'function') return [String((value as (part: string) => string)('x'))];
      return typeof value === 'object' && value !== null ? texts(value) : [String(value)];
    });

  it('are all there in both languages, and none is empty', () => {
    for (const words of Object.values(WORDS)) expect(texts(words).filter((text) => text.trim() === '')).toEqual([]);
    expect(texts(ar).length).toBe(texts(en).length);
  });

  it('are Arabic in Arabic', () => {
    const latin = texts(ar).filter((text) => !/\p{Script=Arabic}/u.test(text));
    expect(latin).toEqual(['ar', 'rtl', 'English']);
  });

  it('of index.html are the ones that are there', () => {
    const named = [...page.matchAll(/data-(?:words|placeholder)="(\w+)"/g)].map(([, key]) => key ?? '');
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((key) => !Object.hasOwn(en.page, key))).toEqual([]);
  });

  it('are chosen by what the browser prefers', () => {
    expect(readableLanguage(['ar-SA', 'en'])).toBe('ar');
    expect(readableLanguage(['fr', 'AR'])).toBe('ar');
    expect(readableLanguage(['fr', 'toString'])).toBe('en');
    expect(readableLanguage([])).toBe('en');
  });
});

describe('a microphone failure', () => {
  it.each([
    ['NotAllowedError', 'microphone-refused'],
    ['NotFoundError', 'microphone-missing'],
    ['NotReadableError', 'microphone-busy'],
    ['SomethingNewError', 'microphone-busy'],
  ])('%s is told as %s', (name, kind) => {
    expect(microphoneProblem(Object.assign(new Error('x'), { name })).kind).toBe(kind);
  });
});

describe('a call', () => {
  it.each([
    ['CLIENT_INITIATED', 'Call ended: you hung up'],
    ['ROOM_DELETED', 'Call ended: the other side closed the call'],
    ['SERVER_SHUTDOWN', 'Call ended: the call server was stopped'],
    ['A_REASON_OF_NEXT_YEAR', 'Call ended: the connection was lost'],
    [undefined, 'Call ended: the connection was lost'],
  ])('that ended by %s says so', (reason, text) => {
    expect(statusText({ phase: 'ended', reason: endReason(reason) }, en)).toBe(text);
  });

  it('tells what the agent does', () => {
    expect(agentText({ present: false }, en)).toContain('not joined');
    expect(agentText({ present: true, state: undefined }, en)).toContain('getting ready');
    expect(agentText({ present: true, state: 'speaking' }, en)).toContain('speaking');
    expect(agentText({ present: true, state: 'new-state' }, en)).toBe('The agent joined');
  });
});

describe('a request to the server', () => {
  afterEach(() => void vi.unstubAllGlobals());

  function answer(status: number, body: string): { sent: () => unknown } {
    const fetch = vi.fn(async (_path: string, _init: RequestInit) => new Response(body, { status }));
    vi.stubGlobal('fetch', fetch);
    return { sent: () => JSON.parse(String(fetch.mock.calls[0]?.[1].body)) };
  }

  async function problem(request: Promise<unknown>): Promise<Problem> {
    const error = await request.then(
      () => undefined,
      (e: unknown) => e,
    );
    if (!(error instanceof RequestFailed)) throw new Error(`no RequestFailed but ${String(error)}`);
    return error.problem;
  }

  it('leaves room and name to the server unless the address names them', async () => {
    const ticket = '{"server_url":"ws://127.0.0.1:7880","participant_token":"t","room_name":"r"}';
    const bare = answer(201, ticket);
    expect(await requestTicket({})).toEqual({ serverUrl: 'ws://127.0.0.1:7880', token: 't', room: 'r' });
    expect(bare.sent()).toEqual({});
    const named = answer(201, ticket);
    await requestTicket({ room: 'front-desk', user: 'سارة' });
    expect(named.sent()).toEqual({
      room_name: 'front-desk',
      participant_identity: 'سارة',
      participant_name: 'سارة',
    });
  });

  it('passes on the detail of a problem', async () => {
    answer(503, '{"title":"busy","detail":"all 4 lines are taken"}');
    expect(await problem(requestTicket({}))).toEqual({
      kind: 'token-refused',
      status: 503,
      detail: 'all 4 lines are taken',
    });
    answer(503, '{"title":"no worker took the job"}');
    expect(await problem(requestAgent('r', {}))).toEqual({
      kind: 'dispatch-refused',
      detail: 'no worker took the job',
    });
  });

  it('survives answers that are no JSON, or JSON of another shape', async () => {
    for (const body of ['<html>502</html>', '', 'null', '[]', '{"detail":7}']) {
      answer(502, body);
      expect(await problem(requestTicket({}))).toEqual({
        kind: 'token-refused',
        status: 502,
        detail: undefined,
      });
    }
    answer(201, '{"server_url":7}');
    expect((await problem(requestTicket({}))).kind).toBe('token-refused');
  });

  it('says that the server is unreachable when there is no answer', async () => {
    vi.stubGlobal('fetch', async () => Promise.reject(new TypeError('Failed to fetch')));
    expect(await problem(requestTicket({}))).toEqual({ kind: 'page-server-unreachable' });
  });
});
