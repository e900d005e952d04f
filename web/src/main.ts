// Joins the page's elements to a call. One call at a time; a new one starts fresh.

import './style.css';
import { Call } from './call';
import { Captions } from './captions';
import type { Remedy } from './errors';
import type { TokenRequest } from './token';
import { View } from './view';

/** `?room=…&user=…&assistant=…&language=…`, all optional: without them the server chooses. */
function whoFromAddress(): TokenRequest {
  const query = new URLSearchParams(location.search);
  const room = query.get('room')?.trim();
  const user = query.get('user')?.trim();
  const assistant = query.get('assistant')?.trim();
  const language = query.get('language')?.trim();
  return {
    ...(room ? { room } : {}),
    ...(user ? { user } : {}),
    ...(assistant ? { assistant } : {}),
    ...(language ? { language } : {}),
  };
}

const who = whoFromAddress();
let call: Call | undefined;

const view = new View({
  call: () => void startCall(),
  hangUp: () => void call?.hangUp(),
  toggleMute: () => void call?.toggleMute(),
  remedy: (remedy) => void apply(remedy),
  send: async (text) => (await call?.sendText(text)) ?? false,
});
const captions = new Captions(view);

async function startCall(): Promise<void> {
  await call?.hangUp();
  view.removeProblems();
  captions.clear();
  view.showAgent({ present: false });
  view.showMicrophone('off');
  const started = new Call(
    {
      // A call that was replaced may still end late; only the present one is shown.
      status: (status) => started === call && view.showStatus(status),
      agent: (agent) => started === call && view.showAgent(agent),
      microphone: (microphone) => started === call && view.showMicrophone(microphone),
      problem: (problem) => started === call && view.showProblem(problem),
      solved: (kind) => started === call && view.removeProblem(kind),
    },
    captions,
    view.sounds,
  );
  call = started;
  await started.start(who);
}

async function apply(remedy: Remedy): Promise<void> {
  switch (remedy) {
    case 'call-again':
      return startCall();
    case 'retry-microphone':
      return call?.retryMicrophone();
    case 'ask-for-agent':
      return call?.askForAgent();
    case 'play-audio':
      return call?.playAudio();
  }
}

view.showWho(who.room, who.user);
view.showStatus({ phase: 'idle' });
