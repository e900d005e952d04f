import { describe, expect, it } from 'vitest';
import { withDigits } from '../src/digits';

describe('digits of an Arabic line', () => {
  it.each([
    ['رسوم التحويل 5 ريالات', 'رسوم التحويل ٥ ريالات'],
    ['المبلغ 1,500.50 ريال.', 'المبلغ ١٬٥٠٠٫٥٠ ريال.'],
    ['الساعة 9:30', 'الساعة ٩:٣٠'],
    ['الطلب رقم AB123 جاهز', 'الطلب رقم AB123 جاهز'],
    ['العنوان 10.0.0.1 هنا', 'العنوان 10.0.0.1 هنا'],
    ['920 000 123 هو الرقم', '٩٢٠ ٠٠٠ ١٢٣ هو الرقم'],
  ])('%s', (line, shown) => {
    expect(withDigits(line, 'arabic')).toBe(shown);
    expect(withDigits(shown, 'western')).toBe(line);
    expect(withDigits(line, 'as-written')).toBe(line);
    expect(withDigits(shown, 'as-written')).toBe(shown);
  });

  it('stay as they are in a line of another language', () => {
    expect(withDigits('The fee is 5 riyals', 'arabic')).toBe('The fee is 5 riyals');
    expect(withDigits('', 'arabic')).toBe('');
  });
});
