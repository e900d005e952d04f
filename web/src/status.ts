// What the caller is told about the call and the agent. Pure words: knows no LiveKit and no page.

import type { Words } from './words';

/** Where the call stands. */
export type CallStatus =
  | { phase: 'idle' }
  | { phase: 'asking-microphone' }
  | { phase: 'connecting' }
  | { phase: 'connected' }
  | { phase: 'reconnecting' }
  | { phase: 'ended'; reason: EndReason };

/** Why a call ended; the first is the caller's own doing. */
export type EndReason = keyof Words['ended'];

/** The agent as the caller sees it; `state` is the participant attribute `lk.agent.state`. */
export type Agent = { present: false } | { present: true; state: string | undefined };

/** The caller's microphone. */
export type Microphone = 'off' | 'live' | 'muted';

/** The line shown for a call status. */
export function statusText(status: CallStatus, words: Words): string {
  return status.phase === 'ended' ? words.ended[status.reason] : words.phase[status.phase];
}

/** Names LiveKit's disconnect reason in our words. LiveKit adds reasons over time, hence the default. */
export function endReason(livekitReason: string | undefined): EndReason {
  switch (livekitReason) {
    case 'CLIENT_INITIATED':
      return 'hung-up';
    case 'ROOM_DELETED':
    case 'ROOM_CLOSED':
      return 'ended-by-agent';
    case 'PARTICIPANT_REMOVED':
      return 'removed';
    case 'DUPLICATE_IDENTITY':
      return 'joined-elsewhere';
    case 'SERVER_SHUTDOWN':
      return 'server-stopped';
    case 'JOIN_FAILURE':
      return 'not-connected';
    default:
      return 'connection-lost';
  }
}

/** The line shown for the agent. */
export function agentText(agent: Agent, words: Words): string {
  if (!agent.present) return words.agentIs.absent;
  switch (agent.state) {
    case undefined:
    case 'initializing':
      return words.agentIs.starting;
    case 'idle':
    case 'listening':
      return words.agentIs.listening;
    case 'thinking':
      return words.agentIs.thinking;
    case 'speaking':
      return words.agentIs.speaking;
    default:
      return words.agentIs.joined;
  }
}

/** The line shown for the microphone. */
export function microphoneText(microphone: Microphone, words: Words): string {
  return words.microphoneIs[microphone];
}
