/**
 * beeyard: the BPF subsystem of Linux, in userspace.
 *
 * ```ts
 * import { createMachine } from 'beeyard';
 *
 * using host = await createMachine({ devices: { eth0: {} } });
 * const { programs, maps } = await host.load('firewall.bpf.o', { globals: { limit: 10n } });
 * using link = programs.firewall.attach({ device: 'eth0' });
 * const { verdict } = host.devices.eth0.receive(packet);
 * ```
 */
import { Host } from './client/index.ts';
import { KernelError } from './base/index.ts';
import {
  type AttachedProgram,
  attachedPrograms as attachedTo,
  bootMachine,
  Machine,
  type MachineOptions,
  resumeMachine as resume,
  type ResumeOptions,
  saveMachine as save,
} from './machine/index.ts';

export {
  type KernelProfile,
  type KernelVersion,
  kfunc,
  type KfuncArg,
  type KfuncContext,
  type KfuncOptions,
  kfuncSpelling,
  type KfuncView,
  loadKernelProfile,
  loadTargetKernel,
  type OwnKfunc,
  type ProfileOptions,
  type TargetKernel,
  targetKernelOf,
  withLater,
  withSchedExt,
} from './abi/index.ts';
export * from './base/index.ts';
export {
  type Address,
  type AddressPrefix,
  type AnyObject,
  type Arena,
  type Globals,
  decodeReadable,
  eventWords,
  fateOf,
  Host,
  type Input,
  type Ipv4,
  type Ipv4Prefix,
  type Live,
  type LiveArray,
  type LiveScalar,
  type LiveStruct,
  type LoadedObject,
  type InsnArrayOption,
  type LoadOptions,
  MapOf,
  type MapRecord,
  type MapValue,
  type ObjectMap,
  type ObjectShape,
  type ObjectSource,
  openView,
  OwnedList,
  type PerCpuMap,
  pod,
  type PodOptions,
  Program,
  prefixText,
  type Queue,
  type RecordMap,
  recordType,
  type RedirectEntry,
  type SharedView,
  StaticKey,
  type TypedObject,
  type UserRing,
  type ViewOptions,
  type WritableLive,
} from './client/index.ts';
export type * from './kernel/index.ts';
export {
  type EngineName,
  type MachineOptions,
  openXsk,
  type ResumeOptions,
  TimerFault,
} from './machine/index.ts';
export type { AttachedProgram };
export type { GracePeriodPolicy, MapHash, MemoryOptions } from './runtime/index.ts';
export {
  type CoreCandidate,
  type CoreDecision,
  coreDecisions,
  LinkError,
  instructionSymbols,
  type LinkInput,
  linkObjects,
  type ObjectFile,
  parseObject,
  type ProgramSpec,
} from './object/index.ts';

export {
  MATRIX_VERSIONS,
  type MatrixCell,
  type MatrixRow,
  matrixRow,
  requirementText,
} from './tools/matrix/matrix.ts';
export { insnsOf, type Listing } from './tools/listing/listing.ts';
export { type Loader, xlatedListing } from './tools/listing/xlated.ts';
export { readCapture, writeCapture } from './tools/pcap/index.ts';
export { OwnerGone } from './runtime/index.ts';

export {
  type OrderStep,
  type PlanOptions,
  type PresentOrder,
  planOrder,
} from './tools/plan-order.ts';

export {
  type Exploration,
  type ExploreOptions,
  exploreGracePeriods,
  type Placement,
  type Trial,
} from './tools/grace-periods/index.ts';

export {
  bitWords,
  explainToken,
  type LoadablePrograms,
  type TokenExplanation,
  type TokenNeed,
  type TokenScope,
  tokenScope,
  type UselessBit,
} from './tools/token/index.ts';
export {
  type Capability,
  type CapabilitySet,
  type DelegateKind,
  type Delegation,
  delegationText,
  parseCapabilities,
  parseDelegate,
} from './security/index.ts';

/**
 * The whole machine as the bytes of a file: memory, clock, programs, maps, links, pins, timers,
 * tasks, and the network with its namespaces, devices, sockets and packets that wait. Handles,
 * listeners, captures and traces of JavaScript are not in it. Throws KernelError EOPNOTSUPP for a
 * machine with several threads or a model of memory, EBUSY while something is to come that no file
 * holds.
 *
 * @example
 * const bytes = await saveMachine(host);
 * using again = await resumeMachine(bytes);
 */
export async function saveMachine({ kernel }: Pick<Host, 'kernel'>): Promise<Uint8Array> {
  if (kernel instanceof Machine) return save(kernel);
  throw new KernelError('EOPNOTSUPP', 95, 'only a simulated machine is saved');
}

/**
 * A machine as it was saved. Objects have their ids; those that only handles of JavaScript held are
 * there too. Throws FormatError for bytes that are no saved machine, are damaged, or come from
 * another build of beeyard.
 */
export async function resumeMachine(bytes: Uint8Array, options: ResumeOptions = {}): Promise<Host> {
  const { machine, network } = await resume(bytes, options);
  return new Host(machine, network.devices, network);
}

/**
 * The programs at the devices of a machine, place by place in the order they run, as
 * `beeyard net show` lists them. Throws KernelError EOPNOTSUPP for a kernel that is not simulated.
 */
export function attachedPrograms({ kernel }: Pick<Host, 'kernel'>): AttachedProgram[] {
  if (kernel instanceof Machine) return attachedTo(kernel);
  throw new KernelError('EOPNOTSUPP', 95, 'only a simulated machine tells');
}

/** A simulated machine: a kernel with network devices, in this process, from nothing. */
export async function createMachine<
  Device extends string = string,
  Namespace extends string = string,
>(options: MachineOptions<Device, Namespace> = {}): Promise<Host<Device | 'lo', Namespace | ''>> {
  const { machine, network } = await bootMachine(options);
  return new Host(machine, network.devices, network);
}
