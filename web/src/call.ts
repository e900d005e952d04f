// One call: microphone, token, room, agent, end. Tells a listener what happened and draws nothing.

import {
  DisconnectReason,
  LocalAudioTrack,
  ParticipantKind,
  RemoteParticipant,
  Room,
  RoomEvent,
  setLogLevel,
  Track,
} from 'livekit-client';
import type { Captions, Speaker } from './captions';
import { followText, sendTyped } from './chat';
import { MICROPHONE_PROBLEMS, microphoneProblem, type Problem } from './errors';
import { openMicrophone } from './microphone';
import { endReason, type Agent, type CallStatus, type EndReason, type Microphone } from './status';
import { RequestFailed, requestAgent, requestTicket, type TokenRequest } from './token';

// The token asks for the agent; one that is not there by now was not asked for, or nobody took it.
const AGENT_ASK_AGAIN_MS = 3_000;
// LiveKit's own front ends give up on an agent after the same time.
const AGENT_JOIN_MS_MAX = 20_000;
// A network that stumbles is back before a panel could be read.
const NETWORK_LOST_MS_MIN = 3_000;

const ATTRIBUTE_AGENT_STATE = 'lk.agent.state';
// An avatar worker is of the agent's kind too, but speaks in another participant's name.
const ATTRIBUTE_ON_BEHALF = 'lk.publish_on_behalf';

// The library tells every step otherwise; what matters to a caller the page says itself.
setLogLevel('warn');

/** What a call reports. `solved` withdraws a problem that went away by itself. */
export interface CallListener {
  status(status: CallStatus): void;
  agent(agent: Agent): void;
  microphone(microphone: Microphone): void;
  problem(problem: Problem): void;
  solved(kind: Problem['kind']): void;
  /** What the caller or the agent is heard by, for the meters; none: nothing to hear. */
  voice(whose: Speaker, track: MediaStreamTrack | undefined): void;
}

/** How the caller wants to call. */
export interface CallOptions {
  /** No microphone is asked for. */
  textOnly: boolean;
  /** Whether the agent is to be heard. */
  sound: boolean;
  /** Of the devices; empty: the system's choice. */
  inputId: string;
  outputId: string;
  /** A microphone that is already open, from its test. */
  microphone: LocalAudioTrack | undefined;
}

export class Call {
  private readonly room: Room;
  private agentIdentity: string | undefined;
  private agentReady = false;
  private dispatchDetail: string | undefined;
  private microphone: LocalAudioTrack | undefined;
  private roomName: string | undefined;
  private request: TokenRequest = {};
  private joined = false;
  private ended = false;
  private reconnecting = false;
  private watch = 0;
  private sound: boolean;
  private readonly timers: ReturnType<typeof setTimeout>[] = [];

  /** `sounds` is the element that the agent's voice is attached under. */
  constructor(
    private readonly listener: CallListener,
    private readonly captions: Captions,
    private readonly sounds: HTMLElement,
    private readonly options: CallOptions,
  ) {
    this.sound = options.sound;
    this.microphone = options.microphone;
    const { outputId } = options;
    this.room = new Room(outputId ? { audioOutput: { deviceId: outputId } } : {});
    this.followRoom();
    followText(this.room, captions);
  }

  /** From its start until its end. */
  get running(): boolean {
    return !this.ended;
  }

  /** Starts the call. Failures are reported, never thrown. */
  async start(request: TokenRequest): Promise<void> {
    this.request = request;
    // The microphone comes first: its prompt may take the caller a while, and the agent's welcome
    // should not pass meanwhile. Without one the call goes on, by typing.
    if (!this.options.textOnly && !this.microphone) {
      this.listener.status({ phase: 'asking-microphone' });
      await this.openMicrophone();
      if (this.ended) return;
    }
    this.listener.status({ phase: 'connecting' });
    let serverUrl: string | undefined;
    try {
      const ticket = await requestTicket(request);
      if (this.ended) return;
      serverUrl = ticket.serverUrl;
      await this.room.connect(ticket.serverUrl, ticket.token);
      if (this.ended) return;
      this.joined = true;
      this.roomName = ticket.room ?? this.room.name;
      this.listener.status({ phase: 'connected' });
      this.findAgent();
      this.watchForAgent();
      if (this.microphone) await this.publishMicrophone(this.microphone);
    } catch (error) {
      if (this.ended) return;
      this.listener.problem(connectProblem(error, serverUrl));
      this.finish('not-connected');
    }
  }

  async hangUp(): Promise<void> {
    this.finish('hung-up');
    await this.room.disconnect();
  }

  async toggleMute(): Promise<void> {
    if (!this.microphone) return;
    if (this.microphone.isMuted) await this.microphone.unmute();
    else await this.microphone.mute();
    this.reportMicrophone();
  }

  /** Opens a microphone that was refused or missing when the call began. */
  async retryMicrophone(): Promise<void> {
    if (this.microphone || this.ended) return;
    await this.openMicrophone();
    if (this.microphone) await this.publishMicrophone(this.microphone);
  }

  /** Changes to another microphone. */
  async useInput(deviceId: string): Promise<void> {
    if (!this.microphone) return;
    try {
      // The empty id means none to choose; browsers call the system's choice "default".
      await this.microphone.setDeviceId(deviceId === '' ? 'default' : deviceId);
      this.listener.solved('device-refused');
      this.listener.voice('caller', this.microphone.mediaStreamTrack);
    } catch {
      this.listener.problem({ kind: 'device-refused' });
    }
  }

  /** Changes to another speaker. */
  async useOutput(deviceId: string): Promise<void> {
    try {
      await this.room.switchActiveDevice('audiooutput', deviceId === '' ? 'default' : deviceId);
      this.listener.solved('device-refused');
    } catch {
      this.listener.problem({ kind: 'device-refused' });
    }
  }

  /** Lets the agent be heard, or not. */
  hear(sound: boolean): void {
    this.sound = sound;
    for (const audio of this.sounds.querySelectorAll('audio')) audio.muted = !sound;
  }

  /** Asks the server to send an agent here. */
  async askForAgent(): Promise<void> {
    if (!this.roomName) return;
    this.listener.solved('dispatch-refused');
    this.dispatchDetail = undefined;
    try {
      await requestAgent(this.roomName, this.request);
    } catch (error) {
      // The agent may have come while we asked; and a lost network has its own panel.
      if (this.ended || this.agentIdentity || this.reconnecting) return;
      if (!(error instanceof RequestFailed)) return;
      if (error.problem.kind === 'dispatch-refused') this.dispatchDetail = error.problem.detail;
      this.listener.problem(error.problem);
    }
  }

  /** Lets the browser play sound; must run in a click. */
  async playAudio(): Promise<void> {
    await this.room.startAudio();
  }

  /** Sends typed words; false when they could not be sent. */
  async sendText(text: string): Promise<boolean> {
    try {
      // Words into a lost network may never arrive, and nothing would tell.
      if (this.reconnecting) throw new Error('reconnecting');
      await sendTyped(this.room, this.captions, text);
      this.listener.solved('text-not-sent');
      return true;
    } catch {
      this.listener.problem({ kind: 'text-not-sent' });
      return false;
    }
  }

  private followRoom(): void {
    this.room
      .on(RoomEvent.Reconnecting, () => this.lost())
      .on(RoomEvent.SignalReconnecting, () => this.lost())
      .on(RoomEvent.Reconnected, () => {
        this.reconnecting = false;
        this.listener.solved('network-lost');
        this.listener.status({ phase: 'connected' });
        this.findAgent();
        // A server that was started anew knows nothing of the agent it had.
        if (!this.agentIdentity) this.watchForAgent();
      })
      .on(RoomEvent.Disconnected, (reason) => this.disconnected(reason))
      .on(RoomEvent.ParticipantConnected, () => this.findAgent())
      .on(RoomEvent.ParticipantDisconnected, (participant) => this.left(participant))
      .on(RoomEvent.ParticipantAttributesChanged, () => this.findAgent())
      .on(RoomEvent.TrackSubscribed, (track, _publication, participant) => {
        if (track.kind !== Track.Kind.Audio) return;
        const audio = track.attach();
        audio.muted = !this.sound;
        this.sounds.append(audio);
        if (participant.kind === ParticipantKind.AGENT) {
          this.listener.voice('agent', track.mediaStreamTrack);
        }
      })
      .on(RoomEvent.TrackUnsubscribed, (track, _publication, participant) => {
        for (const element of track.detach()) element.remove();
        if (participant.kind === ParticipantKind.AGENT) this.listener.voice('agent', undefined);
      })
      .on(RoomEvent.AudioPlaybackStatusChanged, () => {
        if (this.room.canPlaybackAudio) this.listener.solved('audio-blocked');
        else this.listener.problem({ kind: 'audio-blocked' });
      })
      .on(RoomEvent.MediaDevicesError, (error) => this.listener.problem(microphoneProblem(error)));
  }

  private async openMicrophone(): Promise<void> {
    const opened = await openMicrophone(this.options.inputId);
    if (!(opened instanceof LocalAudioTrack)) {
      if (!this.ended) this.listener.problem(opened);
      return;
    }
    if (this.ended) {
      opened.stop(); // hung up while the browser was asking
      return;
    }
    this.microphone = opened;
    for (const kind of MICROPHONE_PROBLEMS) this.listener.solved(kind);
  }

  private async publishMicrophone(track: LocalAudioTrack): Promise<void> {
    try {
      await this.room.localParticipant.publishTrack(track, { source: Track.Source.Microphone });
      this.reportMicrophone();
      this.listener.voice('caller', track.mediaStreamTrack);
    } catch (error) {
      track.stop();
      this.microphone = undefined;
      this.reportMicrophone();
      this.listener.problem({ kind: 'unexpected', detail: words(error) });
    }
  }

  private reportMicrophone(): void {
    if (!this.microphone) this.listener.microphone('off');
    else this.listener.microphone(this.microphone.isMuted ? 'muted' : 'live');
  }

  /** Looks at who is in the room; safe to call at any event. */
  private findAgent(): void {
    const agent = [...this.room.remoteParticipants.values()].find(
      (p) => p.kind === ParticipantKind.AGENT && !p.attributes[ATTRIBUTE_ON_BEHALF],
    );
    if (!agent) return;
    const state = agent.attributes[ATTRIBUTE_AGENT_STATE];
    this.agentIdentity = agent.identity;
    this.agentReady = state !== undefined && state !== 'initializing';
    this.listener.agent({ present: true, state });
    for (const kind of ['dispatch-refused', 'agent-missing', 'agent-left'] as const) {
      this.listener.solved(kind);
    }
    if (this.agentReady) this.listener.solved('agent-not-ready');
  }

  private left(participant: RemoteParticipant): void {
    if (participant.identity !== this.agentIdentity) return;
    this.agentIdentity = undefined;
    this.agentReady = false;
    this.listener.agent({ present: false });
    // When the agent ends the call it closes the room right after leaving: that is no problem.
    this.after(1_000, () => {
      if (!this.agentIdentity) this.listener.problem({ kind: 'agent-left' });
    });
    this.findAgent(); // another one may already be here
  }

  private lost(): void {
    if (!this.reconnecting) {
      this.after(NETWORK_LOST_MS_MIN, () => {
        if (this.reconnecting) this.listener.problem({ kind: 'network-lost' });
      });
    }
    this.reconnecting = true;
    for (const kind of NETWORK_CAUSED) this.listener.solved(kind);
    this.listener.status({ phase: 'reconnecting' });
  }

  /** Begins anew whenever the call comes back without an agent: what was awaited before is void. */
  private watchForAgent(): void {
    const watch = ++this.watch;
    this.after(AGENT_ASK_AGAIN_MS, () => {
      if (watch === this.watch && !this.agentIdentity) void this.askForAgent();
    });
    this.after(AGENT_JOIN_MS_MAX, () => {
      if (watch !== this.watch || this.reconnecting) return;
      if (!this.agentIdentity) this.reportAgentMissing();
      else if (!this.agentReady) this.listener.problem({ kind: 'agent-not-ready' });
    });
  }

  private reportAgentMissing(): void {
    // One panel for one trouble: why nobody took the call belongs to it.
    this.listener.solved('dispatch-refused');
    this.listener.problem({ kind: 'agent-missing', detail: this.dispatchDetail });
  }

  private disconnected(reason: DisconnectReason | undefined): void {
    // A connection that never was is told by what `connect` throws, a moment after this event.
    if (!this.joined || this.ended) return;
    const ended = endReason(reason === undefined ? undefined : DisconnectReason[reason]);
    this.finish(ended);
    if (ended === 'connection-lost') this.listener.problem({ kind: 'call-lost' });
    if (ended === 'server-stopped') this.listener.problem({ kind: 'server-stopped' });
  }

  /** Ends the call once; later calls change nothing, so the first reason is the one shown. */
  private finish(reason: EndReason): void {
    if (this.ended) return;
    this.ended = true;
    for (const timer of this.timers) clearTimeout(timer);
    this.microphone?.stop();
    this.microphone = undefined;
    for (const kind of CALL_PROBLEMS) this.listener.solved(kind);
    this.listener.agent({ present: false });
    this.listener.microphone('off');
    this.listener.voice('caller', undefined);
    this.listener.voice('agent', undefined);
    this.listener.status({ phase: 'ended', reason });
  }

  private after(ms: number, act: () => void): void {
    this.timers.push(
      setTimeout(() => {
        if (!this.ended) act();
      }, ms),
    );
  }
}

/** Problems that a lost network explains: its own panel says what to do. */
const NETWORK_CAUSED = ['page-server-unreachable', 'dispatch-refused', 'text-not-sent'] as const;

/** Problems that mean nothing any more once the call is over. */
const CALL_PROBLEMS = [
  ...MICROPHONE_PROBLEMS,
  'page-not-secure',
  'audio-blocked',
  'device-refused',
  'network-lost',
  'dispatch-refused',
  'agent-not-ready',
  'text-not-sent',
] as const;

function connectProblem(error: unknown, serverUrl: string | undefined): Problem {
  if (error instanceof RequestFailed) return error.problem;
  if (serverUrl === undefined) return { kind: 'unexpected', detail: words(error) };
  return { kind: 'call-server-unreachable', address: `${serverUrl} — ${words(error)}` };
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
