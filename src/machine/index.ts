export {
  bootMachine,
  type EngineName,
  engineNamed,
  type MachineOptions,
  type NetworkedMachine,
} from './create.ts';
export { type AttachedProgram, attachedPrograms, placeWord } from './net/attached.ts';
export { bpfRaw, bpfSyscall, Process } from './bpf/index.ts';
export { saveMachine } from './snapshot/save.ts';
export { type ResumeOptions, resumeMachine } from './snapshot/resume.ts';
export { Machine, type MachineSettings } from './machine.ts';
export { MachineMap } from './map.ts';
export { MachineMemory } from './memory.ts';
export { Device, type DeviceOptions } from './net/device.ts';
export { flowHash } from './net/flow-hash.ts';
export type { Fate, PacketHook, Verdict } from './net/hook.ts';
export { CpuShare, StepClock } from './net/cpu-share.ts';
export { type IpHeader, readIp } from './net/ip/wire.ts';
export { type Lane, type LaneFault, LocalLane, type SharedPart } from './net/lane.ts';
export { Network, packetHook, type RedirectTarget } from './net/network.ts';
export type { Ingress, PacketColumns } from './net/packets.ts';
export { PacketRing, type RingMemory, type RingOptions } from './net/ring.ts';
export { type FaultTally, PacketRunner, type RedirectTally, RunTotals } from './net/runner.ts';
export { SharedBatch } from './net/shared-batch.ts';
export { LinearStorage } from './net/storage.ts';
export { openXsk } from './net/xsk/user.ts';
export { MachineProgram } from './program.ts';
export type { Subsystem } from './subsystem.ts';
export { TimerFault } from './timers.ts';
