// How the page looks and reads: both languages and directions, phone and desk, keyboard and screen
// reader, before a call and inside other sites. The server is a stand-in.
//
// Run: node --test tests/browser/page_look.test.mjs    (after `npm ci && npm run build` in web/)

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { describe, it } from 'node:test';
import { openBrowser, until } from './chromium.mjs';
import { servePage } from './page_rig.mjs';
import { noChromium, onPage, panel, picture, refused } from './page_steps.mjs';

const require = createRequire(new URL('../../web/package.json', import.meta.url));
const AXE = await readFile(require.resolve('axe-core/axe.min.js'), 'utf8');

const PHONE = { width: 390, height: 844 };
const SMALL_PHONE = { width: 320, height: 640 };
const DESK = { width: 1280, height: 900 };

const BANK = {
  name: 'bank',
  title: 'بنك الوادي Wadi Bank',
  languages: ['ar', 'en'],
  choosable: true,
  consent: { ar: 'تُسجَّل هذه المكالمة لتحسين الخدمة.', en: 'This call is recorded to improve our service.' },
};
const busy = { token: refused(503, { title: 'busy', detail: 'all 4 lines are taken' }) };
const bank = { ...busy, about: () => ({ status: 200, body: BANK }) };

describe('the page in two languages', { skip: noChromium, concurrency: 2 }, () => {
  it('reads in Arabic from the right, in English from the left, and remembers which', async () => {
    await onPage(busy, { path: '/?lang=ar' }, async (page, _seen, server) => {
      const html = () => page.$eval('html', ({ lang, dir }) => `${lang} ${dir}`);
      assert.equal(await html(), 'ar rtl');
      assert.equal(await page.textContent('#call'), 'ابدأ المكالمة');
      await page.click('#call');
      const shown = await panel(page, 'token-refused');
      assert.match(await shown.textContent(), /كل الخطوط مشغولة.*all 4 lines/s);
      // The caller asked for Arabic and the assistant speaks it.
      assert.equal(server.asked[0].body.language, 'ar');
      await page.click('#language');
      assert.equal(await html(), 'en ltr');
      assert.match(await page.textContent('.problem'), /All lines are busy/);
      assert.equal(await page.textContent('#call'), 'Call again');
      await page.goto(server.url);
      assert.equal(await html(), 'en ltr');
    });
  });

  it('shows no word of the other language but names', async () => {
    await onPage(bank, { path: '/?lang=ar' }, async (page) => {
      await page.waitForSelector('#assistant:not([hidden])');
      const words = await page.$$eval('h1, h2, p, button, label span, summary, #digits option', (all) =>
        all.filter((e) => !e.closest('.brand, noscript, #assistant')).map((e) => e.textContent.trim()));
      assert.deepEqual(words.filter((text) => text !== '' && !/\p{Script=Arabic}/u.test(text)), ['English']);
    });
  });

  for (const [language, viewport, name] of [
    ['ar', PHONE, 'phone'], ['en', PHONE, 'phone'], ['ar', DESK, 'desk'], ['en', DESK, 'desk'],
    ['ar', SMALL_PHONE, 'small'], ['en', SMALL_PHONE, 'small'],
  ]) {
    it(`fits the ${name} in ${language}, without a serious finding of axe`, async () => {
      const path = `/?lang=${language}&room=front-desk&user=Sara&assistant=bank`;
      await onPage(bank, { path, viewport }, async (page) => {
        await page.waitForSelector('#assistant:not([hidden])');
        const looks = async (step) => {
          await picture(page, `${language}-${name}-${step}`);
          await assertFits(page, step);
          for (const colorScheme of name === 'desk' ? ['dark', 'light'] : ['light']) {
            await page.emulateMedia({ colorScheme });
            if (colorScheme === 'dark') await picture(page, `${language}-dark-${step}`);
            assert.deepEqual(await seriousFindings(page), [], `${step}, ${colorScheme}`);
          }
        };
        await looks('idle');
        await page.click('#call');
        await page.waitForSelector('#consent:not([hidden])');
        const side = await page.$eval('#consent-words', (e) => getComputedStyle(e).direction);
        assert.equal(side, language === 'ar' ? 'rtl' : 'ltr');
        await looks('consent');
        await page.click('#consent-yes');
        await panel(page, 'token-refused');
        await page.click('.problem summary');
        await page.click('#settings > summary');
        await looks('refused');
      });
    });
  }
});

describe('before a call, the page', { skip: noChromium, concurrency: 2 }, () => {
  it('asks for consent where the assistant does, and calls nobody without it', async () => {
    await onPage(bank, { path: '/?assistant=bank' }, async (page, _seen, server) => {
      await page.evaluate(() => {
        navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error('asked for the microphone'));
      });
      await page.click('#call');
      await page.waitForSelector('#consent:not([hidden])');
      // A screen reader starts at the question.
      assert.equal(await page.evaluate(() => document.activeElement.id), 'consent-title');
      assert.equal(await page.textContent('#consent-words'), BANK.consent.en);
      await page.click('#language');
      assert.equal(await page.textContent('#consent-words'), BANK.consent.ar);
      await page.click('#consent-no');
      assert.match(await page.textContent('#status'), /لا مكالمة من دون موافقتك/);
      assert.equal(await page.evaluate(() => document.activeElement.id), 'call');
      assert.deepEqual(server.asked, []);
      await page.click('#call');
      await page.click('#consent-yes');
      await panel(page, 'token-refused');
      assert.deepEqual(server.asked.map(({ body }) => body), [{ assistant: 'bank', language: 'ar' }]);
    });
  });

  it('calls nobody while the server cannot say what is to be agreed to', async () => {
    const answers = { ...busy, about: refused(404, { title: 'no', detail: 'there is no assistant "bnk", did you mean "bank"?' }) };
    await onPage(answers, { path: '/?assistant=bnk' }, async (page, _seen, server) => {
      const shown = await panel(page, 'assistant-unknown');
      assert.match(await shown.textContent(), /did you mean "bank"/);
      await page.click('#call');
      await panel(page, 'assistant-unknown');
      assert.deepEqual(server.asked, []);
    });
  });

  const hostile = {
    room: '<img src=x onerror="document.title=1">',
    user: 'a\u202eb',
    assistant: '../../etc/passwd',
    lang: 'javascript:alert(1)',
  };
  it('refuses hostile values in the address, by name', async () => {
    await onPage(busy, {}, async (page, seen, server) => {
      for (const [parameter, value] of Object.entries(hostile)) {
        await page.goto(`${server.url}?${parameter}=${encodeURIComponent(value)}`);
        const shown = await panel(page, 'address-refused');
        assert.match(await shown.textContent(), new RegExp(`“${parameter}”`));
        assert.ok(await page.isDisabled('#call'));
        assert.ok(await page.isDisabled('#type-instead'));
        assert.equal(await page.locator('img').count(), 0);
        assert.ok(!(await page.content()).includes(value));
      }
      await picture(page, 'address-refused');
      assert.deepEqual(server.asked, []);
      assert.deepEqual(seen.errors, []);
    });
  });

  it('tests the microphone, and asks the browser for it once', async () => {
    await onPage(busy, {}, async (page) => {
      await page.evaluate(() => {
        window.sawtTestAsked = 0;
        const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = (what) => ((window.sawtTestAsked += 1), ask(what));
      });
      await page.click('#settings > summary');
      await page.click('#listen');
      // Chromium's own microphone beeps every second.
      await until(page, 'moving bars', 10_000, async () => (await level(page, 'check')) > 0.2);
      for (const select of ['#input', '#output']) {
        assert.ok((await page.locator(`${select} option`).count()) > 1, `${select} has names of devices`);
      }
      await picture(page, 'microphone-test');
      await page.click('#tone');
      await page.click('#call');
      await panel(page, 'token-refused');
      assert.equal(await page.evaluate(() => window.sawtTestAsked), 1);
      await page.selectOption('#input', { index: 1 });
      await page.click('#listen');
      await until(page, 'the chosen microphone', 10_000, async () => (await level(page, 'check')) > 0.2);
      await page.click('#settings > summary');
      await until(page, 'a closed microphone', 5_000, async () => (await level(page, 'check')) === 0);
    });
  });

  it('says that another program has the microphone, and tries again at a click', async () => {
    await onPage(busy, {}, async (page) => {
      await page.evaluate(() => {
        const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        let busy = true;
        navigator.mediaDevices.getUserMedia = (what) => {
          const taken = new DOMException('in use', 'NotReadableError');
          return busy ? Promise.reject(taken) : open(what);
        };
        window.sawtTestFree = () => (busy = false);
      });
      await page.click('#settings > summary');
      await page.click('#listen');
      const shown = await panel(page, 'microphone-busy');
      assert.match(await shown.textContent(), /close that program/);
      await page.evaluate(() => window.sawtTestFree());
      await page.click('[data-problem="microphone-busy"] button');
      await until(page, 'moving bars', 10_000, async () => (await level(page, 'check')) > 0.2);
      assert.equal(await page.locator('.problem').count(), 0);
    });
  });

  it('can be used with the keyboard alone', async () => {
    await onPage(bank, {}, async (page) => {
      await page.waitForSelector('#assistant:not([hidden])');
      const tabTo = async (id) => {
        for (let presses = 0; presses < 12; presses += 1) {
          await page.keyboard.press('Tab');
          if ((await page.evaluate(() => document.activeElement.id)) === id) return;
        }
        assert.fail(`Tab does not reach #${id}`);
      };
      await tabTo('call');
      await page.keyboard.press('Enter');
      await page.waitForSelector('#consent:not([hidden])');
      await tabTo('consent-yes');
      await page.keyboard.press('Enter');
      await panel(page, 'token-refused');
      assert.equal(await page.evaluate(() => document.activeElement.id), 'call');
    });
  });
});

describe('inside another site, the page', { skip: noChromium, concurrency: 2 }, () => {
  for (const listed of [true, false]) {
    it(`${listed ? 'is shown' : 'is not shown'} by its script where the site is ${listed ? '' : 'not '}listed`, async () => {
      let script;
      const site = createServer((_request, response) => {
        response.writeHead(200, { 'content-type': 'text/html' });
        response.end(`<!doctype html><title>A site</title><h1>Our bank</h1>${script}`);
      });
      await new Promise((go) => site.listen(0, '127.0.0.1', go));
      const origin = `http://127.0.0.1:${site.address().port}`;
      const server = await servePage(bank, listed ? { embedders: `'self' ${origin}` } : {});
      script = `<script src="${server.url}embed.js" data-assistant="bank" data-lang="ar"></script>`;
      const browser = await openBrowser({});
      try {
        await browser.page.goto(origin);
        const frame = browser.page.frameLocator('iframe');
        if (listed) {
          await frame.locator('#assistant').waitFor();
          assert.equal(await frame.locator('html').getAttribute('dir'), 'rtl');
          assert.equal(await frame.locator('body').getAttribute('data-embedded'), 'true');
          await frame.locator('#settings > summary').click();
          await frame.locator('#listen').click();
          await frame.locator('#check-hint:not(:empty)').waitFor(); // the microphone was lent to the frame
          await picture(browser.page, 'embedded');
        } else {
          await until(browser.page, 'a refusal', 10_000, () =>
            browser.seen.errors.some((error) => error.includes('frame-ancestors')));
          assert.equal(await frame.locator('#call').count(), 0);
        }
      } finally {
        await browser.close();
        await server.close();
        site.close();
      }
    });
  }
});

const level = (page, whose) => page.$eval(`#${whose}-level`, (e) => Number(e.style.getPropertyValue('--level')));

/** Nothing is wider than the screen. */
async function assertFits(page, step) {
  const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(content <= screen, `${step}: ${content} px on a screen of ${screen} px`);
}

async function seriousFindings(page) {
  await page.evaluate(AXE); // by the debugger: the page's own policy lets no other script in
  const { violations } = await page.evaluate(() => window.axe.run());
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
}
