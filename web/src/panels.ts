// The error panels: one for each problem that is there now.

import { child, element } from './elements';
import { explain, type Problem, type Remedy } from './errors';
import type { Words } from './words';

export class Panels {
  private readonly place = element('problems', HTMLElement);
  private readonly shown = new Map<Problem['kind'], { problem: Problem; panel: HTMLElement }>();

  constructor(
    private words: Words,
    private readonly remedy: (does: Remedy) => void,
  ) {}

  show(problem: Problem): void {
    const panel = this.panel(problem);
    const old = this.shown.get(problem.kind)?.panel;
    if (old) old.replaceWith(panel);
    else this.place.append(panel);
    this.shown.set(problem.kind, { problem, panel });
  }

  remove(kind: Problem['kind']): void {
    this.shown.get(kind)?.panel.remove();
    this.shown.delete(kind);
  }

  clear(): void {
    for (const kind of [...this.shown.keys()]) this.remove(kind);
  }

  redraw(words: Words): void {
    this.words = words;
    for (const { problem } of [...this.shown.values()]) this.show(problem);
  }

  private panel(problem: Problem): HTMLElement {
    const { title, advice, detail, remedy } = explain(problem, this.words);
    const panel = document.createElement('section');
    panel.className = 'problem';
    panel.dataset.problem = problem.kind;
    panel.append(child('h2', title), child('p', advice));
    if (detail) panel.append(this.detail(detail));
    if (remedy) {
      const button = child('button', remedy.label);
      button.type = 'button';
      button.addEventListener('click', () => this.remedy(remedy.does));
      panel.append(button);
    }
    return panel;
  }

  /** The server's own words: for whoever is called to help, so they stay folded. */
  private detail(words: string): HTMLElement {
    const details = document.createElement('details');
    const text = child('p', words);
    text.className = 'detail';
    text.dir = 'auto';
    details.append(child('summary', this.words.page.details), text);
    return details;
  }
}
