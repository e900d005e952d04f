// Which digits Arabic lines are shown in. Pure. Only what is shown changes, never what is sent.

export const DIGITS = ['as-written', 'western', 'arabic'] as const;
export type Digits = (typeof DIGITS)[number];

const ARABIC = '٠١٢٣٤٥٦٧٨٩';
const ARABIC_LETTER = /\p{Script=Arabic}/u;
/** Digits with their separators: 42 · 1,500.50 */
const WESTERN_NUMBER = /[0-9]+(?:[.,][0-9]+)*/g;
const ARABIC_NUMBER = /[٠-٩]+(?:[٫٬][٠-٩]+)*/g;
/** Beside one of these, digits belong to a name: B12, v2, b4@example. */
const PART_OF_A_NAME = /[\p{Script=Latin}_@]/u;

export function isDigits(value: string | undefined): value is Digits {
  return DIGITS.some((digits) => digits === value);
}

/** The line as it is to be shown. A line without Arabic letters stays as it is. */
export function withDigits(line: string, digits: Digits): string {
  if (digits === 'as-written' || !ARABIC_LETTER.test(line)) return line;
  if (digits === 'western') return line.replace(ARABIC_NUMBER, western);
  return line.replace(WESTERN_NUMBER, (number: string, at: number) => {
    const beside = (line[at - 1] ?? '') + (line[at + number.length] ?? '');
    const dots = number.split('.').length - 1;
    return PART_OF_A_NAME.test(beside) || dots > 1 ? number : arabic(number);
  });
}

function arabic(number: string): string {
  return number
    .replace(/[0-9]/g, (digit) => ARABIC[Number(digit)] ?? digit)
    .replaceAll(',', '٬')
    .replaceAll('.', '٫');
}

function western(number: string): string {
  return number
    .replace(/[٠-٩]/g, (digit) => String(ARABIC.indexOf(digit)))
    .replaceAll('٬', ',')
    .replaceAll('٫', '.');
}
