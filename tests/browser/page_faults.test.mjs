// What becomes of a call when the world around it fails: the network goes silent, the server starts
// anew, a second tab joins, the tab is hidden. A real livekit-server and the mock agent.
//
// Run: SAWT_PYTHON=… node --test tests/browser/page_faults.test.mjs

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { captions, until } from './chromium.mjs';
import { agentOnCall, noRoom, onPage, panel, picture, refused, startRooms } from './page_steps.mjs';

const pause = (seconds) => new Promise((go) => setTimeout(go, seconds * 1000));
const phase = (page) => page.getAttribute('body', 'data-phase');
const level = (page, whose) => page.$eval(`#${whose}-level`, (e) => Number(e.style.getPropertyValue('--level')));
const nobody = refused(503, { title: 'no agent' });

/** Types a line and waits for the agent's answer to it. */
async function typeAndHear(page, words, ms = 15_000) {
  await page.fill('#chat-text', words);
  await page.press('#chat-text', 'Enter');
  await until(page, `an answer to ${words}`, ms, async () =>
    (await captions(page)).some((line) => line.speaker === 'agent' && line.text.includes(`You wrote: ${words}`)));
}

async function call(page) {
  await page.click('#call');
  await page.waitForSelector('body[data-phase="connected"]', { timeout: 15_000 });
}

// Most of this is waiting, so the tests run side by side; those that harm a server have one of their own.
const OPTIONS = { skip: noRoom, concurrency: 3 };

async function harmed(room, dispatch, steps) {
  const rooms = await startRooms();
  const agent = dispatch ?? agentOnCall(rooms);
  try {
    await onPage(rooms.answers(room, agent.dispatch ?? agent), rooms.options(), (page) => steps(page, rooms.livekit));
  } finally {
    rooms.livekit.speak();
    await agent.close?.();
    await rooms.close();
  }
}

describe('a call when the world fails', OPTIONS, () => {
  let rooms;
  before(async () => {
    rooms = await startRooms();
  });
  after(() => rooms.close());

  it('outlives five seconds without a network', async () => {
    await harmed('cut-5', undefined, async (page, livekit) => {
      await call(page);
      await until(page, 'welcome', 20_000, async () => (await captions(page)).some((l) => l.text.includes('Hello')));
      livekit.silence();
      await page.context().setOffline(true);
      await pause(5);
      await page.context().setOffline(false);
      livekit.speak();
      await until(page, 'the call', 30_000, async () => (await phase(page)) === 'connected');
      // The agent was cut off too; once it speaks again, both are back.
      const before = (await captions(page)).length;
      await until(page, 'words again', 30_000, async () =>
        (await captions(page)).slice(before).some((l) => l.speaker === 'agent' && l.final));
      await typeAndHear(page, 'after five seconds', 30_000);
      assert.equal(await page.locator('.problem').count(), 0);
    });
  });

  it('says after half a minute without a network what is going on, and comes back or can be called again', async () => {
    await harmed('cut-30', nobody, async (page, livekit) => {
      await call(page);
      livekit.silence();
      await page.context().setOffline(true);
      const began = Date.now();
      const shown = await panel(page, 'network-lost', 30_000);
      assert.match(await shown.textContent(), /comes back by itself/);
      assert.match(await page.textContent('#status'), /reconnecting/);
      // That nobody could be asked for an agent meanwhile is the same trouble, told once.
      assert.equal(await page.locator('.problem').count(), 1);
      await picture(page, 'network-lost');
      await pause(30 - (Date.now() - began) / 1000);
      await page.context().setOffline(false);
      livekit.speak();
      await until(page, 'an end of the trouble', 60_000, async () => ['connected', 'ended'].includes(await phase(page)));
      assert.equal(await page.locator('[data-problem="network-lost"]').count(), 0);
      if ((await phase(page)) === 'ended') {
        await page.click('[data-problem="call-lost"] button');
        await until(page, 'the new call', 20_000, async () => (await phase(page)) === 'connected');
      }
    });
  });

  it('comes back, or can be called again, when the call server was started anew', async () => {
    await harmed('restart', nobody, async (page, livekit) => {
      await call(page);
      await page.evaluate(() => {
        window.sawtTestPhases = [];
        const keep = () => window.sawtTestPhases.push(document.body.dataset.phase);
        new MutationObserver(keep).observe(document.body, { attributeFilter: ['data-phase'] });
      });
      await livekit.restart();
      await page.waitForFunction(() => window.sawtTestPhases.length > 0, undefined, { timeout: 30_000 });
      await until(page, 'the call or its end', 60_000, async () => ['connected', 'ended'].includes(await phase(page)));
      if ((await phase(page)) === 'ended') {
        await picture(page, 'server-restarted');
        await page.click('.problem button, #call');
        await until(page, 'the new call', 20_000, async () => (await phase(page)) === 'connected');
      }
    });
  });

  it('tells the first of two tabs of one caller that the second took over', async () => {
    await onPage(rooms.answers('tabs', nobody), rooms.options(), async (page, _seen, server) => {
      await call(page);
      const second = await page.context().newPage();
      await second.goto(server.url);
      await second.click('#call');
      await second.waitForSelector('body[data-phase="connected"]');
      await page.waitForSelector('body[data-phase="ended"]');
      assert.match(await page.textContent('#status'), /joined from another window/);
      assert.equal(await phase(second), 'connected');
      await second.close();
    });
  });

  it('lets two callers of one room talk with the agent side by side', async () => {
    const agent = agentOnCall(rooms);
    let caller = 0;
    const { token } = rooms.answers('shared');
    const answers = {
      token: () => {
        caller += 1;
        const answer = token();
        answer.body.participant_token = rooms.livekit.token('shared', `caller-${caller}`);
        return answer;
      },
      dispatch: agent.dispatch,
    };
    await onPage(answers, rooms.options(), async (page, _seen, server) => {
      try {
        await call(page);
        await until(page, 'agent', 20_000, async () => (await page.getAttribute('body', 'data-agent')) !== 'absent');
        const second = await page.context().newPage();
        await second.goto(server.url);
        await call(second);
        await second.fill('#chat-text', 'from the second');
        await second.press('#chat-text', 'Enter');
        for (const tab of [page, second]) {
          await until(tab, 'the answer in both', 15_000, async () =>
            (await captions(tab)).some((line) => line.text.includes('You wrote: from the second')));
        }
        assert.equal(await phase(page), 'connected');
      } finally {
        await agent.close();
      }
    });
  });

  it('goes on in a hidden tab, and moves the bars of both sides', async () => {
    const agent = agentOnCall(rooms);
    await onPage(rooms.answers('hidden', agent.dispatch), rooms.options(), async (page) => {
      try {
        await call(page);
        await until(page, "the agent's bars", 20_000, async () => (await level(page, 'agent')) > 0.3);
        await until(page, "the caller's bars", 20_000, async () => (await level(page, 'caller')) > 0.3);
        // Headless Chromium hides no tab by itself: the page is told so, as the browser would.
        await page.evaluate(() => {
          Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true });
          Object.defineProperty(document, 'hidden', { value: true, configurable: true });
          document.dispatchEvent(new Event('visibilitychange'));
        });
        const before = (await captions(page)).length;
        await until(page, 'words while hidden', 20_000, async () => (await captions(page)).length > before);
        assert.equal(await phase(page), 'connected');
        assert.match(await page.title(), /Connected/);
      } finally {
        await agent.close();
      }
    });
  });

  it('is possible by typing alone, with no microphone asked for and no sound', async () => {
    const agent = agentOnCall(rooms);
    await onPage(rooms.answers('typing', agent.dispatch), rooms.options(), async (page, seen) => {
      try {
        await page.evaluate(() => {
          window.sawtTestAsked = 0;
          navigator.mediaDevices.getUserMedia = () => ((window.sawtTestAsked += 1), Promise.reject(new Error('asked')));
        });
        await page.click('#type-instead');
        await page.waitForSelector('body[data-phase="connected"]');
        assert.equal(await page.evaluate(() => document.activeElement.id), 'chat-text');
        await until(page, 'welcome', 20_000, async () => (await captions(page)).some((l) => l.text.includes('Hello') && l.final));
        await typeAndHear(page, 'كم الرسوم؟');
        const silent = () => page.$$eval('#sounds audio', (all) => all.length > 0 && all.every((a) => a.muted));
        assert.ok(await silent());
        assert.ok(await page.isHidden('#mute'));
        await picture(page, 'text-only');
        await page.click('#hear');
        assert.ok(!(await silent()));
        assert.equal(await page.evaluate(() => window.sawtTestAsked), 0);
        assert.equal(await page.locator('.problem').count(), 0);
        assert.deepEqual(seen.errors, []);
      } finally {
        await agent.close();
      }
    });
  });

  it('shows captions line by line in their own direction, with the digits that were chosen', async () => {
    const agent = agentOnCall(rooms);
    await onPage(rooms.answers('arabic', agent.dispatch), rooms.options({ path: '/?lang=ar', viewport: { width: 390, height: 844 } }), async (page) => {
      try {
        await call(page);
        const line = (part) => page.locator('#lines li p', { hasText: part });
        await line('كيف أدفع الفاتورة رقم').waitFor({ timeout: 30_000 });
        await until(page, 'the whole line', 10_000, async () => (await captions(page)).some((l) => l.text.includes('42') && l.final));
        const direction = (part) => line(part).first().evaluate((e) => getComputedStyle(e).direction);
        assert.equal(await direction('Hello, this is Sawt'), 'ltr');
        assert.equal(await direction('كيف أدفع الفاتورة رقم'), 'rtl');
        await page.click('#settings > summary');
        await page.selectOption('#digits', 'arabic');
        assert.match(await line('كيف أدفع الفاتورة رقم').first().textContent(), /رقم ٤٢ بتطبيق Sawt؟$/);
        await page.click('#settings > summary');
        await picture(page, 'ar-phone-in-call');
      } finally {
        await agent.close();
      }
    });
  });
});
