// The list of what was said and typed, and the same for those who hear it read. Decides nothing.

import type { Line, LineView } from './captions';
import { withDigits, type Digits } from './digits';
import { element, isolated } from './elements';
import type { Words } from './words';

// A screen reader reads what is added; what it has read need not stay.
const SPOKEN_MAX = 5;
// This close to the end the list follows what is said; further up somebody reads.
const FOLLOW_PX = 48;

export class LineList implements LineView {
  private readonly list = element('lines', HTMLOListElement);
  private readonly empty = element('no-lines', HTMLElement);
  private readonly spoken = element('spoken', HTMLElement);
  private readonly items = new Map<string, { line: Readonly<Line>; item: HTMLLIElement }>();

  constructor(
    private words: Words,
    private digits: Digits,
  ) {}

  get length(): number {
    return this.items.size;
  }

  show(line: Readonly<Line>): void {
    const follows = this.atEnd();
    const known = this.items.get(line.key);
    const item = known?.item ?? this.append();
    const wasFinal = known?.line.final === true;
    this.items.set(line.key, { line: { ...line }, item });
    this.fill(item, line);
    // Only whole lines are read aloud: a screen reader that spells out every chunk is of no use.
    if (line.final && !wasFinal) this.announce(line);
    if (follows) this.list.scrollTop = this.list.scrollHeight;
  }

  remove(key: string): void {
    this.items.get(key)?.item.remove();
    this.items.delete(key);
    this.empty.hidden = this.items.size > 0;
  }

  /** Shows all lines again, in other words for the speakers or with other digits. */
  redraw(words: Words, digits: Digits): void {
    this.words = words;
    this.digits = digits;
    for (const { line, item } of this.items.values()) this.fill(item, line);
  }

  private append(): HTMLLIElement {
    const item = document.createElement('li');
    const words = document.createElement('p');
    words.dir = 'auto'; // each line by its own language: Arabic from the right, English from the left
    const name = document.createElement('span');
    name.className = 'speaker';
    item.append(name, words);
    this.list.append(item);
    this.empty.hidden = true;
    return item;
  }

  private fill(item: HTMLLIElement, line: Readonly<Line>): void {
    item.dataset.speaker = line.speaker;
    item.dataset.how = line.how;
    item.dataset.final = String(line.final);
    item.querySelector('.speaker')?.replaceChildren(isolated(this.speakerName(line)));
    const words = item.querySelector('p');
    if (words) words.textContent = withDigits(line.text, this.digits);
  }

  private announce(line: Readonly<Line>): void {
    const words = document.createElement('p');
    words.dir = 'auto';
    words.append(isolated(this.speakerName(line)), ': ', isolated(withDigits(line.text, this.digits)));
    this.spoken.append(words);
    while (this.spoken.childElementCount > SPOKEN_MAX) this.spoken.firstElementChild?.remove();
  }

  private speakerName(line: Readonly<Line>): string {
    const { speaker } = this.words;
    return line.speaker === 'agent' ? speaker.agent : speaker[line.how];
  }

  private atEnd(): boolean {
    const { scrollHeight, scrollTop, clientHeight } = this.list;
    return scrollHeight - scrollTop - clientHeight < FOLLOW_PX;
  }
}
