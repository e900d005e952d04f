// The page by itself, in headless Chromium: what it shows, and what it says when something is wrong.
// The server is a stand-in; with `SAWT_PYTHON` (a Python that has the PyPI package `livekit`) and a
// livekit-server, a mock agent talks in a real room. How it looks is in page_look.test.mjs, what becomes
// of it when the world fails in page_faults.test.mjs; the real agent is met in call.test.mjs.
//
// Run: node --test tests/browser/page.test.mjs    (after `npm ci && npm run build` in web/)

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { captions, iceServerHosts, receivedAudioEnergy, until } from './chromium.mjs';
import { freePort } from './page_rig.mjs';
import { agentOnCall, hurry, noChromium, noRoom, onPage, panel, picture, refused, startRooms } from './page_steps.mjs';

describe('the page when something is wrong', { skip: noChromium, concurrency: 2 }, () => {
  it('passes on why the server refused, and calls again at a click', async () => {
    const answers = { token: refused(503, { title: 'busy', detail: 'all 4 lines are taken' }) };
    await onPage(answers, {}, async (page, _seen, server) => {
      await picture(page, 'idle');
      await page.click('#call');
      const shown = await panel(page, 'token-refused');
      assert.match(await shown.textContent(), /all 4 lines are taken/);
      assert.match(await page.textContent('#status'), /ended/i);
      await picture(page, 'token-refused');
      await page.click('[data-problem="token-refused"] button');
      await panel(page, 'token-refused');
      assert.equal(server.asked.length, 2);
    });
  });

  it('takes room and caller from the address', async () => {
    const answers = { token: refused(422, { title: 'no', detail: 'no such room' }) };
    const path = '/callcenter/call-with-audio?room=front-desk&user=%D8%B3%D8%A7%D8%B1%D8%A9';
    await onPage(answers, { path }, async (page, _seen, server) => {
      assert.match(await page.textContent('#who'), /front-desk.*سارة/);
      await page.click('#call');
      await panel(page, 'token-refused');
      assert.deepEqual(server.asked[0].body, {
        room_name: 'front-desk',
        participant_identity: 'سارة',
        participant_name: 'سارة',
      });
    });
  });

  it('says that the Sawt server does not answer', async () => {
    await onPage({ token: refused(500, {}) }, {}, async (page, _seen, server) => {
      await server.close();
      await page.click('#call');
      await panel(page, 'page-server-unreachable');
    });
  });

  it('names the call server that cannot be reached', async () => {
    const host = `127.0.0.1:${await freePort()}`;
    const ticket = { server_url: `ws://${host}`, participant_token: 'x', room_name: 'r' };
    const options = { connectTo: `ws://${host} http://${host}` };
    await onPage({ token: refused(201, ticket) }, options, async (page) => {
      await page.click('#call');
      const shown = await panel(page, 'call-server-unreachable');
      assert.ok((await shown.textContent()).includes(host));
      await picture(page, 'call-server-unreachable');
    });
  });
});

describe('the page in a room', { skip: noRoom, concurrency: 2 }, () => {
  let rooms;
  before(async () => {
    rooms = await startRooms();
  });
  after(() => rooms.close());

  it('talks with an agent by voice and text, in English and Arabic', async () => {
    const agent = agentOnCall(rooms);
    await onPage(rooms.answers('talk', agent.dispatch), rooms.options(), async (page, seen, server) => {
      try {
        await page.click('#call');
        await page.waitForSelector('body[data-phase="connected"]');
        // The token brought no agent, so the page asks for one after three seconds, once.
        await until(page, 'welcome', 20_000, async () => (await captions(page)).find((l) => l.text.includes('Hello') && l.final));
        await until(page, 'partial replaced by final', 10_000, async () =>
          (await captions(page)).some((l) => l.speaker === 'caller' && l.final && l.text === 'What is the capital of France?'));
        const energy = await receivedAudioEnergy(page);
        assert.ok(energy > 0.01, `the agent's tone was received with energy ${energy}`);
        await until(page, 'Arabic answer', 20_000, async () => (await captions(page)).find((l) => l.text.includes('ادفع الآن') && l.final));
        await page.fill('#chat-text', 'Can you read this?');
        await page.press('#chat-text', 'Enter');
        await until(page, 'answer to the chat', 10_000, async () =>
          (await captions(page)).some((l) => l.speaker === 'agent' && l.text.includes('You wrote: Can you read this?')));
        await picture(page, 'in-call');
        await page.click('#mute');
        assert.equal(await page.textContent('#mute'), 'Unmute');
        assert.match(await page.textContent('#microphone'), /muted/);
        await page.click('#mute');
        assert.equal(server.asked.filter((a) => a.path === '/api/dispatch-agent').length, 1);
        assert.deepEqual([...seen.hosts], ['127.0.0.1']);
        assert.deepEqual(await iceServerHosts(page), ['127.0.0.1']);
        await page.click('#hang-up');
        await page.waitForSelector('body[data-phase="ended"]');
        assert.match(await page.textContent('#status'), /you hung up/);
        assert.deepEqual(seen.errors, []);
        await picture(page, 'ended');
      } finally {
        await agent.close();
      }
    });
  });

  for (const microphone of ['refused', 'missing']) {
    it(`lets a caller whose microphone is ${microphone} type`, async () => {
      const agent = agentOnCall(rooms);
      await onPage(rooms.answers(`typed-${microphone}`, agent.dispatch), { ...rooms.options(), microphone }, async (page, seen) => {
        try {
          await page.click('#call');
          const shown = await panel(page, `microphone-${microphone}`);
          assert.match(await shown.textContent(), /type below/);
          await until(page, 'welcome', 20_000, async () => (await captions(page)).find((l) => l.text.includes('Hello')));
          await page.fill('#chat-text', 'مرحبا');
          await page.press('#chat-text', 'Enter');
          await until(page, 'answer', 20_000, async () => (await captions(page)).some((l) => l.text.includes('You wrote: مرحبا')));
          await picture(page, `microphone-${microphone}`);
          if (microphone === 'refused') {
            await page.context().grantPermissions(['microphone']);
            await page.click('[data-problem="microphone-refused"] button');
            await until(page, 'microphone', 10_000, async () => /is on/.test(await page.textContent('#microphone')));
            assert.equal(await page.locator('.problem').count(), 0);
          }
          assert.deepEqual(seen.errors, []);
        } finally {
          await agent.close();
        }
      });
    });
  }

  it('tells that no agent is free, and later that none joined', async () => {
    const dispatch = refused(503, { title: 'no agent', detail: 'no worker took the job within 5 s' });
    await onPage(rooms.answers('empty', dispatch), rooms.options(), async (page) => {
      await page.clock.install();
      await page.click('#call');
      await page.waitForSelector('body[data-phase="connected"]');
      await hurry(page, 4);
      const shown = await panel(page, 'dispatch-refused');
      assert.match(await shown.textContent(), /no worker took the job/);
      assert.equal(await page.locator('[data-problem="agent-missing"]').count(), 0);
      await hurry(page, 16);
      await panel(page, 'agent-missing');
      // Two panels would tell one trouble twice.
      assert.equal(await page.locator('.problem').count(), 1);
      assert.match(await page.textContent('.problem'), /no worker took the job/);
      await picture(page, 'agent-missing');
    });
  });

  it('tells that the agent left', async () => {
    const agent = agentOnCall(rooms);
    await onPage(rooms.answers('left', agent.dispatch), rooms.options(), async (page) => {
      await page.click('#call');
      await until(page, 'agent', 20_000, async () => (await page.getAttribute('body', 'data-agent')) !== 'absent');
      await agent.close();
      await page.waitForSelector('[data-problem="agent-left"]', { timeout: 30_000 });
    });
  });

  it('offers a button when the browser holds back the sound', async () => {
    const agent = agentOnCall(rooms);
    await onPage(rooms.answers('blocked', agent.dispatch), rooms.options(), async (page) => {
      try {
        // Chromium plays after any click, so its refusal is played here; Safari refuses for real.
        await page.evaluate(() => {
          const play = HTMLMediaElement.prototype.play;
          HTMLMediaElement.prototype.play = () => Promise.reject(new DOMException('blocked', 'NotAllowedError'));
          window.sawtTestAllowSound = () => (HTMLMediaElement.prototype.play = play);
        });
        await page.click('#call');
        await page.waitForSelector('[data-problem="audio-blocked"]', { timeout: 20_000 });
        await picture(page, 'audio-blocked');
        await page.evaluate(() => window.sawtTestAllowSound());
        await page.click('[data-problem="audio-blocked"] button');
        await page.waitForSelector('[data-problem="audio-blocked"]', { state: 'detached' });
        assert.ok(await page.$$eval('#sounds audio', (all) => all.some((audio) => !audio.paused)));
      } finally {
        await agent.close();
      }
    });
  });

  it('tells that the connection is lost, and that it came back', async () => {
    const dispatch = refused(503, { title: 'no agent' });
    await onPage(rooms.answers('lost', dispatch), rooms.options(), async (page) => {
      await page.click('#call');
      await page.waitForSelector('body[data-phase="connected"]');
      // On loopback the call is back within milliseconds, between two looks at the page: every phase is kept.
      await page.evaluate(() => {
        window.sawtTestPhases = [];
        const keep = () => window.sawtTestPhases.push(document.body.dataset.phase);
        new MutationObserver(keep).observe(document.body, { attributeFilter: ['data-phase'] });
      });
      // The signal connection is cut as by a broken network; the server stays up.
      await page.evaluate(() => {
        for (const socket of window.sawtTestSockets) socket.close(4000);
      });
      const cameBack = () => {
        const lost = window.sawtTestPhases.indexOf('reconnecting');
        return lost >= 0 && window.sawtTestPhases.indexOf('connected', lost) > lost;
      };
      // Longer than a browser waits for the other side to close a socket, and one full attempt to join again.
      await page.waitForFunction(cameBack, undefined, { timeout: 45_000 });
    });
  });

  it('ends the call with the reason when the room is closed', async () => {
    await onPage(rooms.answers('closed', refused(503, {})), rooms.options(), async (page) => {
      await page.click('#call');
      await page.waitForSelector('body[data-phase="connected"]');
      await rooms.livekit.deleteRoom('closed');
      await page.waitForSelector('body[data-phase="ended"]');
      assert.match(await page.textContent('#status'), /the other side closed the call/);
      assert.equal(await page.locator('.problem').count(), 0);
    });
  });
});
