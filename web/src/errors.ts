// What went wrong, in words that say what to do next. Pure: finds no fault itself and shows nothing.

import type { Fault, Parameter } from './address';
import type { Words } from './words';

/** Everything the page can tell a caller about. */
export type Problem =
  | { kind: 'microphone-refused' }
  | { kind: 'microphone-missing' }
  | { kind: 'microphone-busy' }
  | { kind: 'page-not-secure' }
  | { kind: 'address-refused'; parameter: Parameter; fault: Fault }
  | { kind: 'assistant-unknown'; detail: string | undefined }
  | { kind: 'token-refused'; status: number; detail: string | undefined }
  | { kind: 'page-server-unreachable' }
  | { kind: 'call-server-unreachable'; address: string }
  | { kind: 'network-lost' }
  | { kind: 'call-lost' }
  | { kind: 'server-stopped' }
  | { kind: 'dispatch-refused'; detail: string | undefined }
  | { kind: 'agent-missing'; detail: string | undefined }
  | { kind: 'agent-not-ready' }
  | { kind: 'agent-left' }
  | { kind: 'audio-blocked' }
  | { kind: 'device-refused' }
  | { kind: 'text-not-sent' }
  | { kind: 'unexpected'; detail: string };

/** What another try at the microphone may mend. */
export const MICROPHONE_PROBLEMS = ['microphone-refused', 'microphone-missing', 'microphone-busy'] as const;

/** What the one button of an error panel does. */
export type Remedy =
  | 'call-again'
  | 'try-again'
  | 'retry-microphone'
  | 'ask-for-agent'
  | 'play-audio';

/** A problem as the panel shows it. */
export interface Explanation {
  title: string;
  advice: string;
  /** The server's or the browser's own words, if there are any. */
  detail?: string;
  remedy?: { label: string; does: Remedy };
}

const REMEDIES: Partial<Record<Problem['kind'], Remedy>> = {
  'microphone-refused': 'retry-microphone',
  'microphone-missing': 'retry-microphone',
  'microphone-busy': 'retry-microphone',
  'assistant-unknown': 'try-again',
  'token-refused': 'try-again',
  'page-server-unreachable': 'try-again',
  'call-server-unreachable': 'try-again',
  'call-lost': 'call-again',
  'server-stopped': 'call-again',
  'dispatch-refused': 'ask-for-agent',
  'agent-missing': 'call-again',
  'agent-not-ready': 'call-again',
  'agent-left': 'call-again',
  'audio-blocked': 'play-audio',
  unexpected: 'call-again',
};

/** Says a problem in words, with the next step. */
export function explain(problem: Problem, words: Words): Explanation {
  const told = problem.kind === 'token-refused' ? refusal(problem.status) : problem.kind;
  const does = REMEDIES[problem.kind];
  const detail = detailOf(problem);
  const { title, advice } = words.problem[told];
  // Which of the address's values is wrong is ours to say, and nothing to unfold.
  const fault = problem.kind === 'address-refused' ? words.parameter[problem.fault](problem.parameter) : '';
  return {
    title,
    advice: `${fault} ${advice}`.trim(),
    ...(detail ? { detail } : {}),
    ...(does ? { remedy: { label: words.remedy[does], does } } : {}),
  };
}

/** A refused token has many reasons, and each its own next step. */
function refusal(status: number): keyof Words['problem'] {
  if (status === 503) return 'server-full';
  if (status === 401 || status === 403) return 'token-forbidden';
  if (status === 429) return 'token-too-many';
  return status >= 500 ? 'token-failed' : 'token-refused';
}

function detailOf(problem: Problem): string | undefined {
  switch (problem.kind) {
    case 'call-server-unreachable':
      return problem.address;
    case 'token-refused':
      return problem.detail ?? `HTTP ${problem.status}`;
    default:
      return 'detail' in problem ? problem.detail : undefined;
  }
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
    default:
      // NotReadableError, AbortError, and what browsers add: that the device did not open is what
      // helps.
      return { kind: 'microphone-busy' };
  }
}
