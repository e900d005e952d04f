// Joins the page's elements to a call. One call at a time; a new one starts fresh.

import './style.css';
import { consentFor, requestAbout, type About } from './about';
import { readAddress } from './address';
import { Call } from './call';
import { Captions } from './captions';
import { DIGITS, isDigits, type Digits } from './digits';
import { MICROPHONE_PROBLEMS, type Remedy } from './errors';
import { LineList } from './lines';
import { Meters } from './meters';
import { followDevices, listDevices } from './microphone';
import { MicrophoneTest } from './microphone_test';
import { Panels } from './panels';
import { remember, remembered } from './remembered';
import { Settings } from './settings';
import { RequestFailed, type TokenRequest } from './token';
import { playTone } from './tone';
import { translate } from './translate';
import { ConsentStep, View } from './view';
import { isPageLanguage, readableLanguage, WORDS, type PageLanguage, type Words } from './words';

const address = readAddress(location.search);
const kept = remembered('language') ?? '';
let language: PageLanguage =
  address.lang ?? (isPageLanguage(kept) ? kept : readableLanguage(navigator.languages));
/** A language that the caller asked for, and did not merely happen to have in the browser. */
let asked: PageLanguage | undefined = address.lang;
const keptDigits = remembered('digits');
let digits: Digits = isDigits(keptDigits) ? keptDigits : DIGITS[0];
const devices = { inputId: remembered('input') ?? '', outputId: remembered('output') ?? '' };

let call: Call | undefined;
let about: About | undefined;
let sound = true;
/** The last call was begun by somebody who types; “Call again” means the same again. */
let textOnly = false;

const words = (): Words => WORDS[language];
const lines = new LineList(words(), digits);
const captions = new Captions(lines);
const panels = new Panels(words(), (remedy) => void apply(remedy));
const consent = new ConsentStep();
const view = new View(
  words(),
  {
    call: () => void startCall(false),
    typeInstead: () => void startCall(true),
    hangUp: () => void call?.hangUp(),
    toggleMute: () => void call?.toggleMute(),
    toggleSound: () => hear(!sound),
    changeLanguage: () => changeLanguage(language === 'ar' ? 'en' : 'ar'),
    send: async (text) => (await call?.sendText(text)) ?? false,
  },
  () => lines.length > 0,
);
const meters = new Meters((whose, level) => view.showLevel(`${whose}-level`, level));
const test = new MicrophoneTest({
  problem: (problem) => panels.show(problem),
  opened: (track) => {
    meters.follow('check', track);
    settings.showListening(track !== undefined, call?.running ?? false);
    if (track) for (const kind of MICROPHONE_PROBLEMS) panels.remove(kind);
    void refreshDevices();
  },
});
const settings = new Settings(
  words(),
  {
    listen: () => void test.start(devices.inputId),
    closed: () => test.stop(),
    input: (id) => {
      remember('input', id);
      if (call?.running) void call.useInput(id);
      else if (test.running) void test.start(id);
    },
    output: (id) => {
      remember('output', id);
      if (call?.running) void call.useOutput(id);
    },
    tone: () => void playTone(devices.outputId).catch(() => panels.show({ kind: 'device-refused' })),
    digits: (chosen) => {
      digits = chosen;
      remember('digits', chosen);
      lines.redraw(words(), digits);
    },
  },
  devices,
  digits,
);

function changeLanguage(to: PageLanguage): void {
  language = to;
  asked = to;
  remember('language', to);
  redraw();
}

function redraw(): void {
  translate(document, words());
  view.redraw(words());
  panels.redraw(words());
  settings.redraw(words());
  lines.redraw(words(), digits);
  showConsent();
}

function showConsent(): void {
  const agreement = about && consentFor(about, language);
  if (agreement) consent.show(agreement.language, agreement.words);
}

function hear(on: boolean): void {
  sound = on;
  view.showSound(on);
  call?.hear(on);
}

async function refreshDevices(): Promise<void> {
  settings.showDevices(await listDevices());
}

/** Learns who will answer. False, and a panel, where that fails. */
async function learnAbout(): Promise<boolean> {
  try {
    about = await requestAbout(address.request);
    view.showAssistant(about.title);
    return true;
  } catch (error) {
    about = undefined;
    if (!(error instanceof RequestFailed)) throw error;
    panels.show(error.problem);
    return false;
  }
}

let starting = 0;

async function startCall(byTyping: boolean): Promise<void> {
  const mine = ++starting;
  textOnly = byTyping;
  await call?.hangUp();
  panels.clear();
  // Asked anew for every call: what was to be agreed to an hour ago may not be it today.
  if (!(await learnAbout()) || mine !== starting) return;
  if (about && about.consent.size > 0) {
    showConsent();
    const agreed = await consent.ask();
    if (mine !== starting) return;
    if (!agreed) {
      view.showStatus({ phase: 'ended', reason: 'no-consent' });
      return view.focusMain();
    }
  }
  captions.clear();
  view.showAgent({ present: false });
  view.showMicrophone('off');
  hear(!byTyping);
  const microphone = byTyping ? undefined : test.handOver();
  test.stop();
  const started = new Call(
    {
      // A call that was replaced may still end late; only the present one is shown.
      status: (status) => {
        if (started !== call) return;
        view.showStatus(status);
        if (status.phase === 'connected' && byTyping) view.focusChat();
        settings.showListening(false, started.running);
      },
      agent: (agent) => started === call && view.showAgent(agent),
      microphone: (state) => {
        if (started !== call) return;
        view.showMicrophone(state);
        if (state === 'live') void refreshDevices(); // their names are known from now on
      },
      problem: (problem) => started === call && panels.show(problem),
      solved: (kind) => started === call && panels.remove(kind),
      voice: (whose, track) => started === call && meters.follow(whose, track),
    },
    captions,
    view.sounds,
    { textOnly: byTyping, sound, ...devices, microphone },
  );
  call = started;
  const underWay = started.start(request());
  if (about?.consent.size) view.focusMain();
  await underWay;
}

/** What to ask the server for: the address's wishes, and a language that was asked for and is spoken. */
function request(): TokenRequest {
  const spoken = asked && about?.choosable && about.languages.includes(asked);
  return { ...(spoken ? { language: asked } : {}), ...address.request };
}

async function apply(remedy: Remedy): Promise<void> {
  switch (remedy) {
    case 'call-again':
    case 'try-again':
      return startCall(textOnly);
    case 'retry-microphone':
      return call?.running ? call.retryMicrophone() : test.start(devices.inputId);
    case 'ask-for-agent':
      return call?.askForAgent();
    case 'play-audio':
      return call?.playAudio();
  }
}

// A page in a frame of another site has that site's heading above it.
document.body.dataset.embedded = String(window.parent !== window);
redraw();
followDevices(() => void refreshDevices());
void refreshDevices();
view.showWho(address.request.room, address.request.user);
if (address.fault) {
  view.forbidCalls();
  panels.show({ kind: 'address-refused', ...address.fault });
} else {
  void learnAbout();
}
