// The page's requests to its own server for a call: a token to join a room, and an agent to come.
// Knows nothing of LiveKit beyond the token it passes on.

import type { Problem } from './errors';

/** Who calls, and where; everything may be left to the server. */
export interface TokenRequest {
  room?: string;
  user?: string;
  /** Who answers, and in which language; left out, the site's default. */
  assistant?: string;
  language?: string;
}

/** Leave to join one room. */
export interface Ticket {
  serverUrl: string;
  token: string;
  room: string | undefined;
}

/** A request that was answered by a problem. */
export class RequestFailed extends Error {
  constructor(readonly problem: Problem) {
    super(problem.kind);
  }
}

// An answer takes milliseconds, or 8.5 s when nobody is free; past this a message serves the caller better.
const REQUEST_MS_MAX = 15_000;

/** Asks for a token. Throws `RequestFailed`. */
export async function requestTicket(request: TokenRequest): Promise<Ticket> {
  const body: Record<string, string> = {};
  if (request.room) body.room_name = request.room;
  if (request.user) {
    body.participant_identity = request.user;
    body.participant_name = request.user;
  }
  if (request.assistant) body.assistant = request.assistant;
  if (request.language) body.language = request.language;
  const response = await post('/api/token', body);
  if (!response.ok) {
    throw new RequestFailed({
      kind: 'token-refused',
      status: response.status,
      detail: await problemDetail(response),
    });
  }
  const ticket = await jsonObject(response);
  const serverUrl = text(ticket.server_url);
  const token = text(ticket.participant_token);
  if (!serverUrl || !token) {
    throw new RequestFailed({
      kind: 'token-refused',
      status: response.status,
      detail: 'The answer holds no server_url and participant_token.',
    });
  }
  return { serverUrl, token, room: text(ticket.room_name) };
}

/** Asks for an agent in a room whose token brought none. Throws `RequestFailed`. */
export async function requestAgent(room: string, request: TokenRequest): Promise<void> {
  const body: Record<string, string> = { room_name: room };
  if (request.assistant) body.assistant = request.assistant;
  if (request.language) body.language = request.language;
  const response = await post('/api/dispatch-agent', body);
  if (!response.ok) {
    throw new RequestFailed({ kind: 'dispatch-refused', detail: await problemDetail(response) });
  }
}

function post(path: string, body: unknown): Promise<Response> {
  const headers = { 'content-type': 'application/json', accept: 'application/json' };
  return reach(path, { method: 'POST', headers, body: JSON.stringify(body) });
}

/** Asks our own server. Throws `RequestFailed` when there is no answer at all. */
export async function reach(path: string, request: RequestInit): Promise<Response> {
  try {
    return await fetch(path, { ...request, signal: AbortSignal.timeout(REQUEST_MS_MAX) });
  } catch {
    throw new RequestFailed({ kind: 'page-server-unreachable' });
  }
}

/** The words of a problem+json body (RFC 9457): its detail, else its title. */
export async function problemDetail(response: Response): Promise<string | undefined> {
  const body = await jsonObject(response);
  return text(body.detail) ?? text(body.title);
}

export async function jsonObject(response: Response): Promise<Record<string, unknown>> {
  try {
    const value: unknown = await response.json();
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {}; // a proxy's HTML page, say: the status alone must do
  }
}

export function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
