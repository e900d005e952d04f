// What went wrong, in words that say what to do next. Pure: finds no fault itself and shows nothing.

/** Everything the page can tell a caller about. */
export type Problem =
  | { kind: 'microphone-refused' }
  | { kind: 'microphone-missing' }
  | { kind: 'microphone-busy' }
  | { kind: 'page-not-secure' }
  | { kind: 'token-refused'; status: number; detail: string | undefined }
  | { kind: 'page-server-unreachable' }
  | { kind: 'call-server-unreachable'; address: string }
  | { kind: 'dispatch-refused'; detail: string | undefined }
  | { kind: 'agent-missing'; detail: string | undefined }
  | { kind: 'agent-not-ready' }
  | { kind: 'agent-left' }
  | { kind: 'audio-blocked' }
  | { kind: 'text-not-sent' }
  | { kind: 'unexpected'; detail: string };

/** What the one button of an error panel does. */
export type Remedy = 'call-again' | 'retry-microphone' | 'ask-for-agent' | 'play-audio';

/** A problem as the panel shows it. */
export interface Explanation {
  title: string;
  advice: string;
  /** The server's or the browser's own words, if there are any. */
  detail?: string;
  remedy?: { label: string; does: Remedy };
}

/** Says a problem in words, with the next step. */
export function explain(problem: Problem): Explanation {
  switch (problem.kind) {
    case 'microphone-refused':
      return {
        title: 'The microphone is blocked',
        advice:
          'Allow the microphone for this page (the icon beside the address), then try again. ' +
          'Until then you can type below and hear the agent.',
        remedy: { label: 'Try the microphone again', does: 'retry-microphone' },
      };
    case 'microphone-missing':
      return {
        title: 'No microphone was found',
        advice: 'Plug one in and try again. Until then you can type below and hear the agent.',
        remedy: { label: 'Try the microphone again', does: 'retry-microphone' },
      };
    case 'microphone-busy':
      return {
        title: 'The microphone could not be opened',
        advice:
          'Another program may be using it: close that program and try again. ' +
          'Until then you can type below and hear the agent.',
        remedy: { label: 'Try the microphone again', does: 'retry-microphone' },
      };
    case 'page-not-secure':
      return {
        title: 'The browser gives this page no microphone',
        advice:
          'Browsers allow a microphone only on pages opened by https or on the same machine. ' +
          'Open this page by https, or at localhost. Until then you can type below.',
      };
    case 'token-refused':
      return {
        title: `The server refused the call (${problem.status})`,
        advice: tokenAdvice(problem.status),
        ...detail(problem.detail),
        remedy: { label: 'Try again', does: 'call-again' },
      };
    case 'page-server-unreachable':
      return {
        title: 'The Sawt server does not answer',
        advice: 'Check that “sawt dev” or “sawt serve” is still running, then try again.',
        remedy: { label: 'Try again', does: 'call-again' },
      };
    case 'call-server-unreachable':
      return {
        title: 'The call server cannot be reached',
        advice:
          'Check that livekit-server is running at the address below and that this browser may ' +
          'reach it, then try again. “sawt doctor” checks this on the server.',
        ...detail(problem.address),
        remedy: { label: 'Try again', does: 'call-again' },
      };
    case 'dispatch-refused':
      return {
        title: 'No agent is free',
        advice: 'Stay on the line and ask again in a moment. If it lasts, “sawt doctor” says why.',
        ...detail(problem.detail),
        remedy: { label: 'Ask again', does: 'ask-for-agent' },
      };
    case 'agent-missing':
      return {
        title: 'The agent did not join',
        advice:
          'Hang up and call again. If it happens again, check on the server that the worker is ' +
          'registered: /readyz says what is missing.',
        ...detail(problem.detail),
        remedy: { label: 'Call again', does: 'call-again' },
      };
    case 'agent-not-ready':
      return {
        title: 'The agent joined but is not ready',
        advice: 'Its models may still be loading. Wait a little, or hang up and call again.',
        remedy: { label: 'Call again', does: 'call-again' },
      };
    case 'agent-left':
      return {
        title: 'The agent left the call',
        advice: 'Call again to go on.',
        remedy: { label: 'Call again', does: 'call-again' },
      };
    case 'audio-blocked':
      return {
        title: 'The browser holds back the sound',
        advice: 'Press the button to hear the agent.',
        remedy: { label: 'Turn on the sound', does: 'play-audio' },
      };
    case 'text-not-sent':
      return {
        title: 'Your message was not sent',
        advice: 'It is still in the box: check the connection and send it again.',
      };
    case 'unexpected':
      return {
        title: 'Something went wrong',
        advice: 'Call again. If it happens again, report the words below.',
        ...detail(problem.detail),
        remedy: { label: 'Call again', does: 'call-again' },
      };
  }
}

function tokenAdvice(status: number): string {
  if (status === 503) return 'All lines are busy or the agent is still starting. Try again in a moment.';
  if (status === 401 || status === 403) return 'Sign in or ask the operator for access, then try again.';
  if (status === 429) return 'There were too many calls from here. Wait a minute, then try again.';
  if (status >= 500) return 'The operator finds the cause in the server’s log. Try again in a moment.';
  return 'Check the room and the name in the address of this page, then try again.';
}

function detail(words: string | undefined): { detail?: string } {
  return words ? { detail: words } : {};
}

/** Names the failure of `getUserMedia` or of a device that went away. */
export function microphoneProblem(error: unknown): Problem {
  const name = error instanceof Error ? error.name : '';
  switch (name) {
    case 'NotAllowedError':
    case 'PermissionDeniedError':
    case 'SecurityError':
      return { kind: 'microphone-refused' };
    case 'NotFoundError':
    case 'DevicesNotFoundError':
    case 'OverconstrainedError':
      return { kind: 'microphone-missing' };
    case 'NotReadableError':
    case 'AbortError':
      return { kind: 'microphone-busy' };
    default:
      // The details of an unknown failure help nobody here; that the device did not open does.
      return { kind: 'microphone-busy' };
  }
}
