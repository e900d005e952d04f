// Opens the caller's microphone, and knows which devices there are. Keeps nothing.

import { createLocalAudioTrack, type LocalAudioTrack } from 'livekit-client';
import { microphoneProblem, type Problem } from './errors';

/** A microphone or a speaker; browsers hide the names until a microphone was allowed. */
export interface Device {
  id: string;
  name: string;
}

export interface Devices {
  inputs: Device[];
  /** Empty where the browser lets nobody choose. */
  outputs: Device[];
}

/** Opens it, asking the caller if need be. */
export async function openMicrophone(deviceId?: string): Promise<LocalAudioTrack | Problem> {
  // Browsers hide `mediaDevices` altogether on a page that is neither https nor this machine's.
  if (navigator.mediaDevices === undefined) return { kind: 'page-not-secure' };
  try {
    return await createLocalAudioTrack({
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
      // A wish, not a condition: a device that is gone must not stand in the way of a call.
      ...(deviceId ? { deviceId: { ideal: deviceId } } : {}),
    });
  } catch (error) {
    return microphoneProblem(error);
  }
}

/** The devices there are now. */
export async function listDevices(): Promise<Devices> {
  const all = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
  // The names "default" and "communications" stand for another one of the list, or for none.
  const real = all.filter(({ deviceId }) => !['', 'default', 'communications'].includes(deviceId));
  const named = (kind: MediaDeviceKind) =>
    real
      .filter((device) => device.kind === kind)
      .map((device) => ({ id: device.deviceId, name: device.label }));
  const choosable = 'setSinkId' in HTMLMediaElement.prototype;
  return { inputs: named('audioinput'), outputs: choosable ? named('audiooutput') : [] };
}

/** Calls back whenever a device comes or goes. */
export function followDevices(changed: () => void): void {
  navigator.mediaDevices?.addEventListener('devicechange', changed);
}
