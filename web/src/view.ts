// The call's own elements: shows states, reports clicks and typed words. Decides nothing.

import { element, isolated } from './elements';
import { agentText, microphoneText, statusText, type Agent, type CallStatus, type Microphone } from './status';
import type { Words } from './words';

/** What the caller can do on the page. */
export interface Actions {
  call(): void;
  typeInstead(): void;
  hangUp(): void;
  toggleMute(): void;
  toggleSound(): void;
  changeLanguage(): void;
  /** True when the words were sent and the box may be emptied. */
  send(text: string): Promise<boolean>;
}

export class View {
  readonly sounds = element('sounds', HTMLElement);
  private readonly statusLine = element('status', HTMLElement);
  private readonly agentLine = element('agent', HTMLElement);
  private readonly microphoneLine = element('microphone', HTMLElement);
  private readonly hint = element('hint', HTMLElement);
  private readonly sides = element('sides', HTMLElement);
  private readonly callButton = element('call', HTMLButtonElement);
  private readonly typeButton = element('type-instead', HTMLButtonElement);
  private readonly muteButton = element('mute', HTMLButtonElement);
  private readonly hearButton = element('hear', HTMLButtonElement);
  private readonly hangUpButton = element('hang-up', HTMLButtonElement);
  private readonly languageButton = element('language', HTMLButtonElement);
  private readonly conversation = element('conversation', HTMLElement);
  private readonly form = element('chat', HTMLFormElement);
  private readonly input = element('chat-text', HTMLInputElement);
  private readonly sendButton = element('chat-send', HTMLButtonElement);
  private status: CallStatus = { phase: 'idle' };
  private agent: Agent = { present: false };
  private microphone: Microphone = 'off';
  private sound = true;
  private who: { room: string | undefined; user: string | undefined } | undefined;

  constructor(
    private words: Words,
    private readonly actions: Actions,
    /** Whether there are lines to look at after a call. */
    private readonly hasLines: () => boolean,
  ) {
    this.callButton.addEventListener('click', () => actions.call());
    this.typeButton.addEventListener('click', () => actions.typeInstead());
    this.muteButton.addEventListener('click', () => actions.toggleMute());
    this.hearButton.addEventListener('click', () => actions.toggleSound());
    this.hangUpButton.addEventListener('click', () => actions.hangUp());
    this.languageButton.addEventListener('click', () => actions.changeLanguage());
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.submit();
    });
  }

  /** Shows everything again in this language. */
  redraw(words: Words): void {
    this.words = words;
    this.languageButton.textContent = words.page.otherLanguage;
    this.languageButton.lang = words.lang === 'ar' ? 'en' : 'ar';
    this.showStatus(this.status);
    this.showAgent(this.agent);
    this.showMicrophone(this.microphone);
    this.showSound(this.sound);
    if (this.who) this.showWho(this.who.room, this.who.user);
  }

  /** Names the room and the caller where the address of the page gave them. */
  showWho(room: string | undefined, user: string | undefined): void {
    this.who = { room, user };
    const who = element('who', HTMLElement);
    const parts = ([[this.words.room, room], [this.words.caller, user]] as const).flatMap(
      ([label, value]) => (value ? [{ label, value }] : []),
    );
    who.hidden = parts.length === 0;
    who.replaceChildren(
      ...parts.flatMap(({ label, value }, at) => [`${at > 0 ? ' · ' : ''}${label}: `, isolated(value)]),
    );
  }

  /** Names who will answer. */
  showAssistant(title: string | undefined): void {
    const line = element('assistant', HTMLElement);
    line.hidden = title === undefined;
    line.replaceChildren(isolated(title ?? ''));
  }

  /** Without a right address nobody can be called. */
  forbidCalls(): void {
    this.callButton.disabled = true;
    this.typeButton.disabled = true;
  }

  showStatus(status: CallStatus): void {
    this.status = status;
    const { words } = this;
    const inCall = status.phase === 'connected' || status.phase === 'reconnecting';
    const free = status.phase === 'idle' || status.phase === 'ended';
    this.statusLine.textContent = statusText(status, words);
    document.body.dataset.phase = status.phase;
    document.title = free ? words.page.title : `${statusText(status, words)} · ${words.page.title}`;
    // A hidden button must not keep the focus: the keyboard would be lost.
    const hadFocus = document.activeElement;
    this.callButton.hidden = !free;
    this.callButton.textContent = status.phase === 'ended' ? words.startAgain : words.start;
    this.typeButton.hidden = !free;
    this.hangUpButton.hidden = free;
    this.hangUpButton.textContent = inCall ? words.hangUp : words.cancel;
    this.muteButton.hidden = !inCall || this.microphone === 'off';
    this.hearButton.hidden = !inCall;
    this.sides.hidden = !inCall;
    this.input.disabled = !inCall;
    this.sendButton.disabled = !inCall;
    this.form.hidden = !inCall;
    this.hint.hidden = status.phase !== 'idle';
    this.conversation.hidden = !inCall && !this.hasLines();
    const started = hadFocus === this.callButton || hadFocus === this.typeButton;
    if (started && !free) this.hangUpButton.focus();
    const lost = [this.hangUpButton, this.muteButton, this.hearButton, this.input, this.sendButton];
    if (free && lost.some((element) => element === hadFocus)) this.callButton.focus();
  }

  showAgent(agent: Agent): void {
    this.agent = agent;
    this.agentLine.textContent = agentText(agent, this.words);
    document.body.dataset.agent = agent.present ? (agent.state ?? 'joined') : 'absent';
  }

  showMicrophone(microphone: Microphone): void {
    this.microphone = microphone;
    this.microphoneLine.textContent = microphoneText(microphone, this.words);
    this.muteButton.dataset.microphone = microphone;
    this.muteButton.textContent = microphone === 'muted' ? this.words.unmute : this.words.mute;
    this.muteButton.hidden = microphone === 'off' || this.input.disabled;
  }

  showSound(sound: boolean): void {
    this.sound = sound;
    this.hearButton.textContent = sound ? this.words.soundOff : this.words.soundOn;
  }

  /** Gives the keyboard the one thing to press now, after a step that is gone had it. */
  focusMain(): void {
    (this.callButton.hidden ? this.hangUpButton : this.callButton).focus();
  }

  /** Puts the cursor where a caller who types goes on. */
  focusChat(): void {
    if (!this.input.disabled) this.input.focus();
  }

  /** Shows how loud somebody is. */
  showLevel(id: 'agent-level' | 'caller-level' | 'check-level', level: number): void {
    element(id, HTMLElement).style.setProperty('--level', level.toFixed(3));
  }

  private async submit(): Promise<void> {
    const text = this.input.value.trim();
    if (text === '' || this.input.disabled) return;
    if (await this.actions.send(text)) this.input.value = '';
    this.input.focus();
  }
}

/** The step before a call in which the caller agrees, or does not. */
export class ConsentStep {
  private readonly step = element('consent', HTMLElement);
  private readonly title = element('consent-title', HTMLElement);
  private readonly text = element('consent-words', HTMLElement);
  private readonly yes = element('consent-yes', HTMLButtonElement);
  private readonly no = element('consent-no', HTMLButtonElement);
  private answer: ((agreed: boolean) => void) | undefined;

  constructor() {
    this.yes.addEventListener('click', () => this.close(true));
    this.no.addEventListener('click', () => this.close(false));
  }

  /** Asks, and waits for the answer: false also when something else began meanwhile. */
  ask(): Promise<boolean> {
    this.close(false);
    this.step.hidden = false;
    document.body.dataset.consent = 'asked';
    this.title.focus();
    return new Promise((answer) => {
      this.answer = answer;
    });
  }

  /** The words to agree to, in whichever language they are. */
  show(language: string, words: string): void {
    this.text.lang = language;
    this.text.dir = 'auto';
    this.text.textContent = words;
  }

  close(agreed: boolean): void {
    this.step.hidden = true;
    delete document.body.dataset.consent;
    this.answer?.(agreed);
    this.answer = undefined;
  }
}
