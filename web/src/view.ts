// The page's elements: shows states and lines, reports clicks and typed words. Decides nothing.

import type { Line, LineView } from './captions';
import { explain, type Explanation, type Problem, type Remedy } from './errors';
import {
  agentText,
  microphoneText,
  statusText,
  type Agent,
  type CallStatus,
  type Microphone,
} from './status';

/** What the caller can do on the page. */
export interface Actions {
  call(): void;
  hangUp(): void;
  toggleMute(): void;
  remedy(remedy: Remedy): void;
  /** True when the words were sent and the box may be emptied. */
  send(text: string): Promise<boolean>;
}

export class View implements LineView {
  readonly sounds = element('sounds', HTMLElement);
  private readonly status = element('status', HTMLElement);
  private readonly agentLine = element('agent', HTMLElement);
  private readonly microphoneLine = element('microphone', HTMLElement);
  private readonly hint = element('hint', HTMLElement);
  private readonly callButton = element('call', HTMLButtonElement);
  private readonly muteButton = element('mute', HTMLButtonElement);
  private readonly hangUpButton = element('hang-up', HTMLButtonElement);
  private readonly problems = element('problems', HTMLElement);
  private readonly conversation = element('conversation', HTMLElement);
  private readonly lines = element('lines', HTMLOListElement);
  private readonly noLines = element('no-lines', HTMLElement);
  private readonly spoken = element('spoken', HTMLElement);
  private readonly form = element('chat', HTMLFormElement);
  private readonly input = element('chat-text', HTMLInputElement);
  private readonly sendButton = element('chat-send', HTMLButtonElement);
  private readonly shownLines = new Map<string, HTMLLIElement>();
  private readonly shownProblems = new Map<Problem['kind'], HTMLElement>();

  constructor(private readonly actions: Actions) {
    this.callButton.addEventListener('click', () => actions.call());
    this.muteButton.addEventListener('click', () => actions.toggleMute());
    this.hangUpButton.addEventListener('click', () => actions.hangUp());
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.submit();
    });
  }

  /** Names the room and the caller where the address of the page gave them. */
  showWho(room: string | undefined, user: string | undefined): void {
    const who = element('who', HTMLElement);
    const parts = [room && ['Room', room], user && ['you are', user]].filter((part) => !!part);
    who.hidden = parts.length === 0;
    who.replaceChildren(
      ...parts.flatMap(([label, value], index) => [
        `${index > 0 ? ', ' : ''}${label} `,
        isolated(value ?? ''),
      ]),
    );
  }

  showStatus(status: CallStatus): void {
    const inCall = status.phase === 'connected' || status.phase === 'reconnecting';
    const free = status.phase === 'idle' || status.phase === 'ended';
    this.status.textContent = statusText(status);
    document.body.dataset.phase = status.phase;
    // A hidden button must not keep the focus: the keyboard would be lost.
    const hadFocus = document.activeElement;
    this.callButton.hidden = !free;
    this.callButton.textContent = status.phase === 'ended' ? 'Call again' : 'Start the call';
    this.hangUpButton.hidden = free;
    this.hangUpButton.textContent = inCall ? 'Hang up' : 'Cancel';
    this.muteButton.hidden = !inCall || this.muteButton.dataset.microphone === 'off';
    this.agentLine.hidden = !inCall;
    this.microphoneLine.hidden = !inCall;
    this.input.disabled = !inCall;
    this.sendButton.disabled = !inCall;
    this.hint.hidden = status.phase !== 'idle';
    this.conversation.hidden = !inCall && this.shownLines.size === 0;
    if (hadFocus === this.callButton && !free) this.hangUpButton.focus();
    if (free && (hadFocus === this.hangUpButton || hadFocus === this.muteButton)) {
      this.callButton.focus();
    }
  }

  showAgent(agent: Agent): void {
    this.agentLine.textContent = agentText(agent);
    document.body.dataset.agent = agent.present ? (agent.state ?? 'joined') : 'absent';
  }

  showMicrophone(microphone: Microphone): void {
    this.microphoneLine.textContent = microphoneText(microphone);
    this.muteButton.dataset.microphone = microphone;
    this.muteButton.textContent = microphone === 'muted' ? 'Unmute' : 'Mute';
    this.muteButton.hidden = microphone === 'off' || this.input.disabled;
  }

  showProblem(problem: Problem): void {
    const panel = this.panel(explain(problem));
    panel.dataset.problem = problem.kind;
    const old = this.shownProblems.get(problem.kind);
    if (old) old.replaceWith(panel);
    else this.problems.append(panel);
    this.shownProblems.set(problem.kind, panel);
  }

  removeProblem(kind: Problem['kind']): void {
    this.shownProblems.get(kind)?.remove();
    this.shownProblems.delete(kind);
  }

  removeProblems(): void {
    for (const kind of [...this.shownProblems.keys()]) this.removeProblem(kind);
  }

  show(line: Readonly<Line>): void {
    const atEnd = this.scrolledToEnd();
    let item = this.shownLines.get(line.key);
    if (!item) {
      item = lineElement(line);
      this.shownLines.set(line.key, item);
      this.lines.append(item);
      this.noLines.hidden = true;
    }
    const words = item.querySelector('p');
    if (words) words.textContent = line.text;
    const wasFinal = item.dataset.final === 'true';
    item.dataset.final = String(line.final);
    // Only whole lines are read aloud: a screen reader that spells out every chunk is of no use.
    if (line.final && !wasFinal) this.announce(line);
    if (atEnd) this.lines.scrollTop = this.lines.scrollHeight;
  }

  remove(key: string): void {
    this.shownLines.get(key)?.remove();
    this.shownLines.delete(key);
    this.noLines.hidden = this.shownLines.size > 0;
  }

  private announce(line: Readonly<Line>): void {
    const words = document.createElement('p');
    words.dir = 'auto';
    words.textContent = `${speakerName(line)}: ${line.text}`;
    this.spoken.append(words);
    while (this.spoken.childElementCount > 5) this.spoken.firstElementChild?.remove();
  }

  private scrolledToEnd(): boolean {
    const { scrollHeight, scrollTop, clientHeight } = this.lines;
    return scrollHeight - scrollTop - clientHeight < 48;
  }

  private async submit(): Promise<void> {
    const text = this.input.value.trim();
    if (text === '' || this.input.disabled) return;
    if (await this.actions.send(text)) this.input.value = '';
    this.input.focus();
  }

  private panel(explanation: Explanation): HTMLElement {
    const panel = document.createElement('section');
    panel.className = 'problem';
    panel.append(child('h2', explanation.title), child('p', explanation.advice));
    if (explanation.detail) {
      const detail = child('p', explanation.detail);
      detail.className = 'detail';
      detail.dir = 'auto';
      panel.append(detail);
    }
    const { remedy } = explanation;
    if (remedy) {
      const button = child('button', remedy.label);
      button.type = 'button';
      button.addEventListener('click', () => this.actions.remedy(remedy.does));
      panel.append(button);
    }
    return panel;
  }
}

function lineElement(line: Readonly<Line>): HTMLLIElement {
  const item = document.createElement('li');
  item.dataset.speaker = line.speaker;
  item.dataset.how = line.how;
  const name = document.createElement('span');
  name.className = 'speaker';
  name.append(isolated(speakerName(line)));
  const words = document.createElement('p');
  words.dir = 'auto'; // each line by its own language: Arabic from the right, English from the left
  item.append(name, words);
  return item;
}

function speakerName(line: Readonly<Line>): string {
  if (line.speaker === 'agent') return 'Agent';
  return line.how === 'typed' ? 'You (typed)' : 'You';
}

/** Words whose direction must not mix with the sentence around them. */
function isolated(text: string): HTMLElement {
  return child('bdi', text);
}

function child<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  text: string,
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function element<Type extends HTMLElement>(id: string, type: new () => Type): Type {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`index.html has no ${type.name} #${id}. This is a bug.`);
  return found;
}
