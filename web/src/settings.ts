// The part of the page where a caller tests the microphone and chooses devices and digits.
// Shows and reports; opens nothing.

import { DIGITS, isDigits, type Digits } from './digits';
import { element } from './elements';
import type { Device, Devices } from './microphone';
import type { Words } from './words';

export interface SettingsActions {
  listen(): void;
  /** The caller looks elsewhere: a microphone that is only tested need not stay open. */
  closed(): void;
  input(id: string): void;
  output(id: string): void;
  tone(): void;
  digits(digits: Digits): void;
}

export class Settings {
  private readonly input = element('input', HTMLSelectElement);
  private readonly output = element('output', HTMLSelectElement);
  private readonly outputRow = element('output-row', HTMLElement);
  private readonly tone = element('tone', HTMLButtonElement);
  private readonly listen = element('listen', HTMLButtonElement);
  private readonly check = element('check', HTMLElement);
  private readonly hint = element('check-hint', HTMLElement);
  private readonly digits = element('digits', HTMLSelectElement);
  private devices: Devices = { inputs: [], outputs: [] };
  private listening = false;

  constructor(
    private words: Words,
    actions: SettingsActions,
    private readonly chosen: { inputId: string; outputId: string },
    digits: Digits,
  ) {
    this.digits.value = digits;
    this.listen.addEventListener('click', () => actions.listen());
    const fold = element('settings', HTMLDetailsElement);
    fold.addEventListener('toggle', () => {
      if (!fold.open) actions.closed();
    });
    this.input.addEventListener('change', () => {
      chosen.inputId = this.input.value;
      actions.input(this.input.value);
    });
    this.output.addEventListener('change', () => {
      chosen.outputId = this.output.value;
      actions.output(this.output.value);
    });
    this.tone.addEventListener('click', () => actions.tone());
    this.digits.addEventListener('change', () => {
      actions.digits(isDigits(this.digits.value) ? this.digits.value : DIGITS[0]);
    });
    this.redraw(words);
  }

  showDevices(devices: Devices): void {
    this.devices = devices;
    this.redraw(this.words);
  }

  /** Whether the microphone is being tested; in a call the bars beside “You” do the same. */
  showListening(listening: boolean, inCall: boolean): void {
    this.listening = listening;
    this.check.hidden = inCall;
    this.listen.hidden = listening;
    this.redraw(this.words);
  }

  redraw(words: Words): void {
    this.words = words;
    fill(this.input, this.devices.inputs, this.chosen.inputId, words);
    fill(this.output, this.devices.outputs, this.chosen.outputId, words);
    this.outputRow.hidden = this.devices.outputs.length === 0;
    this.hint.textContent = this.listening ? words.page.soundHint : '';
  }
}

function fill(select: HTMLSelectElement, devices: Device[], chosen: string, words: Words): void {
  const options = devices.map(({ id, name }, at) => new Option(name || words.device(String(at + 1)), id));
  select.replaceChildren(new Option(words.systemDevice, ''), ...options);
  select.value = devices.some(({ id }) => id === chosen) ? chosen : '';
}
