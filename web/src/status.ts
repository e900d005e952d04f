// What the caller is told about the call and the agent. Pure words: knows no LiveKit and no page.

/** Where the call stands. */
export type CallStatus =
  | { phase: 'idle' }
  | { phase: 'asking-microphone' }
  | { phase: 'connecting' }
  | { phase: 'connected' }
  | { phase: 'reconnecting' }
  | { phase: 'ended'; reason: EndReason };

/** Why a call ended; the first is the caller's own doing. */
export type EndReason =
  | 'hung-up'
  | 'ended-by-agent'
  | 'removed'
  | 'joined-elsewhere'
  | 'server-stopped'
  | 'connection-lost'
  | 'not-connected';

/** The agent as the caller sees it; `state` is the participant attribute `lk.agent.state`. */
export type Agent = { present: false } | { present: true; state: string | undefined };

/** The caller's microphone. */
export type Microphone = 'off' | 'live' | 'muted';

/** The line shown for a call status. */
export function statusText(status: CallStatus): string {
  switch (status.phase) {
    case 'idle':
      return 'Ready';
    case 'asking-microphone':
      return 'Waiting for your microphone';
    case 'connecting':
      return 'Connecting';
    case 'connected':
      return 'Connected';
    case 'reconnecting':
      return 'Connection lost, reconnecting';
    case 'ended':
      return `Call ended: ${endText(status.reason)}`;
  }
}

function endText(reason: EndReason): string {
  switch (reason) {
    case 'hung-up':
      return 'you hung up';
    case 'ended-by-agent':
      return 'the other side closed the call';
    case 'removed':
      return 'you were removed from the call';
    case 'joined-elsewhere':
      return 'you joined from another window';
    case 'server-stopped':
      return 'the call server was stopped';
    case 'connection-lost':
      return 'the connection was lost';
    case 'not-connected':
      return 'no connection was made';
  }
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
export function agentText(agent: Agent): string {
  if (!agent.present) return 'The agent has not joined yet';
  switch (agent.state) {
    case undefined:
    case 'initializing':
      return 'The agent joined and is getting ready';
    case 'idle':
    case 'listening':
      return 'The agent is listening';
    case 'thinking':
      return 'The agent is thinking';
    case 'speaking':
      return 'The agent is speaking';
    default:
      return 'The agent joined';
  }
}

/** The line shown for the microphone. */
export function microphoneText(microphone: Microphone): string {
  switch (microphone) {
    case 'off':
      return 'No microphone: type to talk with the agent';
    case 'live':
      return 'Your microphone is on';
    case 'muted':
      return 'Your microphone is muted';
  }
}
