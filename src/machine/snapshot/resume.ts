import type { KernelProfile } from '../../abi/index.ts';
import { FormatError, KernelError } from '../../base/index.ts';
import { parseBtf } from '../../btf/index.ts';
import type { MapHash, MapDefinition } from '../../runtime/index.ts';
import { definitionOf } from '../bpf/program-insns.ts';
import { pinObject } from '../bpffs/pins.ts';
import { bootMachine, type EngineName, type NetworkedMachine } from '../create.ts';
import { wrapMap } from '../create-map.ts';
import { type Installation, installProgram } from '../load.ts';
import type { Machine } from '../machine.ts';
import type { MachineMap } from '../map.ts';
import type { KernelObject } from '../objects/object.ts';
import type { MachineProgram } from '../program.ts';
import { programTypeOf } from '../program-type.ts';
import { specialFields } from '../special-fields.ts';
import { resumeCgroups } from './cgroups.ts';
import { readSnapshot, restoreMemory, type Snapshot } from './file.ts';
import type { MachineState, SavedAttachment, SavedFile, SavedMap, SavedProgram } from './state.ts';

/** What is not in the file. */
export interface ResumeOptions {
  /** The kernel whose rules hold, if they did; default: `loadKernelProfile()`. */
  readonly kernel?: KernelProfile;
  readonly onTrace?: (line: string) => void;
}

/**
 * A machine as it was saved. What nobody held but a handle in JavaScript is there, with its id, as
 * long as its handle (of `objects`) is not closed. Throws FormatError for a file that is no saved
 * machine, is damaged, or was saved by another build of the runtime.
 */
export async function resumeMachine(
  file: Uint8Array,
  options: ResumeOptions = {},
): Promise<NetworkedMachine> {
  const snapshot = await readSnapshot(file);
  const state = snapshot.state as MachineState;
  try {
    const booted = await boot(state, options);
    restore(booted.machine, state, snapshot);
    return booted;
  } catch (error) {
    if (error instanceof FormatError) throw error;
    const reason = error instanceof KernelError ? error.message : 'its contents make no sense';
    throw new FormatError('machine', 0, reason, { cause: error });
  }
}

function boot(state: MachineState, options: ResumeOptions): Promise<NetworkedMachine> {
  const devices = state.devices.map(({ name, ...device }) => [name, device] as const);
  return bootMachine({
    ...options,
    cpus: state.cpus,
    seed: state.seed,
    engine: state.engine as EngineName,
    verify: state.kernel !== undefined,
    devices: Object.fromEntries(devices),
    ...(state.mapHash === undefined ? {} : { mapHash: state.mapHash as MapHash }),
  });
}

function restore(machine: Machine, state: MachineState, snapshot: Snapshot): void {
  const fail = (reason: string): never => {
    throw new FormatError('machine', 0, reason);
  };
  const { rules } = machine.settings;
  if (snapshot.build !== machine.runtime.build) fail('it was saved by another build of beeyard');
  if (state.kernel !== rules?.version) fail(`it follows Linux ${state.kernel}`);
  restoreMemory(snapshot, machine.runtime);
  const again = new Resumer(machine);
  again.users(state);
  for (const { id, bytes } of state.btfs) again.btf(id, bytes);
  // A template comes before the maps of maps that are made of it.
  const ordered = state.maps.toSorted(
    (a, b) => Number(a.inner !== undefined) - Number(b.inner !== undefined),
  );
  for (const map of ordered) again.map(map);
  machine.runtime.functions.claim(state.programs.flatMap(({ slots }) => slots));
  for (const program of state.programs) again.program(program);
  for (const map of state.maps) again.contents(map);
  for (const attachment of state.attachments) again.attachment(attachment);
  again.cgroups(state);
  for (const one of state.files) again.file(one);
  again.closeHandles(state);
  const { objects } = machine;
  objects.programs.next = state.next.programs;
  objects.links.next = state.next.links;
  objects.btfs.next = state.next.btfs;
}

/** Puts objects back, each under its id. */
class Resumer {
  readonly #machine: Machine;
  readonly #drops: KernelObject[] = [];

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  users({ users: saved, mounts, unprivilegedBpfDisabled }: MachineState): void {
    const { users, files, sysctls } = this.#machine;
    for (const { name, parent, owner, ids } of saved) {
      users.create(name, { parent: users.get(parent), owner, ids });
    }
    for (const { path, userns, ...options } of mounts) {
      files.attach(path, files.newMount(options, users.get(userns)));
    }
    sysctls.unprivilegedBpfDisabled = unprivilegedBpfDisabled;
  }

  btf(id: number, bytes: Uint8Array): void {
    const { objects } = this.#machine;
    const btf = parseBtf(bytes);
    objects.btfs.next = id;
    const object = objects.addBtf({ name: '', kernel: false, btf: () => btf, bytes });
    objects.knowBtf(btf, object);
    this.#drops.push(object);
  }

  map(saved: SavedMap): void {
    const { runtime, settings, objects } = this.#machine;
    const { spec, address, flags } = saved;
    const btf = saved.btf === undefined ? undefined : objects.btfs.get(saved.btf);
    const inner = saved.inner === undefined ? undefined : this.#map(saved.inner);
    const special = btf && specialFields(spec, btf.btf, settings.rules);
    const definition: MapDefinition = {
      name: spec.name,
      type: spec.typeId,
      keySize: spec.keySize,
      valueSize: spec.valueSize,
      maxEntries: spec.maxEntries,
      flags,
      extra: spec.extra,
      ...(special && { special }),
      ...(spec.spinLock === undefined ? {} : { spinLock: spec.spinLock }),
      ...(inner && { inner: inner.runtimeMap }),
    };
    const runtimeMap = runtime.adoptMap(address, definition);
    const map = wrapMap(this.#machine, spec, runtimeMap, {
      inner: inner?.hold(),
      btf: btf?.hold(),
      restored: true,
    });
    if (map.id !== saved.id) throw new FormatError('machine', 0, `map ${saved.id} is not there`);
    map.owner = saved.owner;
  }

  program(saved: SavedProgram): void {
    const { objects, runtime } = this.#machine;
    const btf = saved.btf === undefined ? undefined : objects.btfs.get(saved.btf);
    const maps = saved.maps.map((id) => this.#map(id));
    objects.programs.next = saved.id;
    const installation: Installation = {
      spec: saved.spec,
      type: programTypeOf(saved.spec.type!),
      adapted: saved.adapted,
      mapNamed: (name) => this.#map(saved.mapNames[name]!),
      verification: saved.verification,
      input: saved.input && {
        ...saved.input,
        btf: btf?.btf,
        maps: maps.map((map) => definitionOf(map)),
      },
      license: saved.license,
      types: btf?.btf,
      btf: btf && (() => btf.hold()),
      uid: saved.uid,
      capabilities: saved.capabilities,
      token: saved.token && {
        userns: this.#machine.users.get(saved.token.userns),
        allows: saved.token.allows,
      },
      loadTime: saved.loadTime,
    };
    const { functions } = runtime;
    const program = functions.again(saved.slots, () => installProgram(this.#machine, installation));
    if (program.id !== saved.id || program.code.entry !== saved.entry) {
      throw new FormatError('machine', 0, `program '${saved.spec.name}' has lost its place`);
    }
    Object.assign(program.stats, saved.stats);
    for (const id of saved.bound) program.bind(this.#map(id));
  }

  contents({ id, frozen, contents }: SavedMap): void {
    const map = this.#map(id);
    const find = (place: number): MachineMap | MachineProgram =>
      map.facts.valueIs === 'map' ? this.#map(place) : this.#program(place);
    map.restore(
      frozen,
      contents.map(([key, place]) => [key, find(place)] as const),
    );
  }

  attachment({ program: id, options, link, revision }: SavedAttachment): void {
    const machine = this.#machine;
    const program = this.#program(id);
    if (link === undefined) {
      machine.attach(program, { ...options, link: false });
    } else {
      machine.objects.links.next = link;
      machine.attach(program, options);
    }
    // Each later one of the same place says it again.
    machine.placeOf(program, options).point.resumeAt(revision);
  }

  cgroups({ cgroups, nextCgroup }: MachineState): void {
    resumeCgroups(this.#machine, cgroups, nextCgroup, (id) => this.#program(id));
  }

  file(saved: SavedFile): void {
    const { path, kind, mode, id, target } = saved;
    const { files, objects } = this.#machine;
    if (kind === 'dir') {
      if (!has(files, path)) files.mkdir(path, mode);
    } else if (kind === 'symlink') files.symlink(target!, path);
    else {
      const object =
        kind === 'link'
          ? objects.links.get(id)!
          : kind === 'map'
            ? this.#map(id)
            : this.#program(id);
      pinObject(files, path, kind, object);
    }
    if (kind !== 'symlink') files.chown(path, saved);
  }

  /** Objects are held by whom they were held by. */
  closeHandles({ maps, programs, attachments, cgroups }: MachineState): void {
    const { objects } = this.#machine;
    const atCgroups = cgroups.flatMap((one) => one.programs);
    for (const { link, closed } of [...attachments, ...atCgroups]) {
      if (link !== undefined && closed) objects.links.get(link)?.[Symbol.dispose]();
    }
    for (const { id, closed } of programs) if (closed) this.#program(id).close();
    for (const { id, closed } of maps) if (closed) this.#map(id).close();
    for (const btf of this.#drops) btf.drop();
  }

  #map(id: number): MachineMap {
    const map = this.#machine.objects.maps.get(id);
    if (map) return map;
    throw new FormatError('machine', 0, `there is no map ${id}`);
  }

  #program(id: number): MachineProgram {
    const program = this.#machine.objects.programs.get(id);
    if (program) return program;
    throw new FormatError('machine', 0, `there is no program ${id}`);
  }
}

function has({ root }: Machine['files'], path: string): boolean {
  let directory = root;
  for (const name of path.split('/').slice(1)) {
    const next = directory.entries.get(name);
    if (next?.kind !== 'dir') return false;
    directory = next;
  }
  return true;
}
