import type { KernelProfile, OwnKfunc } from '../../abi/index.ts';
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
import { Thaw } from '../objects/kept.ts';
import { InsnArrayMap } from '../insn-array.ts';
import { DetachedLink } from '../objects/detached-link.ts';
import { programsOf } from '../objects/map-link.ts';
import { bindProgram } from '../load.ts';
import { cgroupRoots, resumeCgroups, resumeDirectories } from './cgroups.ts';
import { readSnapshot, restoreMemory, type Snapshot } from './file.ts';
import type {
  BootState,
  MachineState,
  SavedAttachment,
  SavedDetachedLink,
  SavedFile,
  SavedHook,
  SavedMap,
  SavedNamespaceProgram,
  SavedProgram,
  SavedState,
} from './state.ts';

/** What is not in the file. */
export interface ResumeOptions {
  /** The kernel whose rules hold, if they did; default: `loadKernelProfile()`. */
  readonly kernel?: KernelProfile;
  readonly onTrace?: (line: string) => void;
  /** Kernel functions of one's own, if its programs call any. */
  readonly kfuncs?: readonly OwnKfunc[];
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
  const state = snapshot.state as SavedState;
  try {
    const booted = await boot(state.boot, options);
    restore(booted.machine, state, snapshot);
    return booted;
  } catch (error) {
    if (error instanceof FormatError) throw error;
    const reason = error instanceof KernelError ? error.message : 'its contents make no sense';
    throw new FormatError('machine', 0, reason, { cause: error });
  }
}

function boot(state: BootState, options: ResumeOptions): Promise<NetworkedMachine> {
  return bootMachine({
    ...options,
    cpus: state.cpus,
    seed: state.seed,
    engine: state.engine as EngineName,
    verify: state.kernel !== undefined,
    ...(state.mapHash === undefined ? {} : { mapHash: state.mapHash as MapHash }),
  });
}

function restore(machine: Machine, saved: SavedState, snapshot: Snapshot): void {
  const fail = (reason: string): never => {
    throw new FormatError('machine', 0, reason);
  };
  const { rules } = machine.settings;
  if (snapshot.build !== machine.runtime.build) fail('it was saved by another build of beeyard');
  if (saved.boot.kernel !== rules?.version) fail(`it follows Linux ${saved.boot.kernel}`);
  restoreMemory(snapshot, machine.runtime);
  const parts = machine.subsystems.flatMap((one) => one.saved ?? []);
  const thaw = new Thaw(
    parts.flatMap(({ kinds }) => kinds),
    saved.nodes,
  );
  const state = thaw.value<MachineState>(saved.machine);
  const { runtime } = machine;
  for (const address of state.scratch) runtime.release(address);
  for (const { kind, address } of state.owners) runtime.adoptOwner(kind, address);
  resumeDirectories(machine, state.cgroups);
  thaw.addRoots(cgroupRoots(machine));
  thaw.addRoots([...runtime.owners].map(([number, one]) => [`owner ${number}`, one]));
  for (const [i, part] of parts.entries()) part.layout(saved.subsystems[i]!, thaw);
  resumeObjects(machine, state);
  for (const [i, part] of parts.entries()) part.resume(saved.subsystems[i]!, thaw);
  thaw.startEvents(runtime.events);
}

function resumeObjects(machine: Machine, state: MachineState): void {
  const { runtime } = machine;
  const again = new Resumer(machine);
  again.users(state);
  for (const { id, bytes } of state.btfs) again.btf(id, bytes);
  // A template comes before the maps of maps that are made of it.
  const ordered = state.maps.toSorted(
    (a, b) => Number(a.inner !== undefined) - Number(b.inner !== undefined),
  );
  for (const map of ordered) again.map(map);
  runtime.functions.claim(state.programs.flatMap(({ slots }) => slots));
  again.types(state);
  for (const program of state.programs) again.program(program);
  for (const map of state.maps) again.contents(map);
  for (const attachment of state.attachments) again.attachment(attachment);
  for (const hook of state.hooks) again.hook(hook);
  for (const link of state.detached) again.detachedLink(link);
  for (const one of state.inNamespaces) again.inNamespace(one);
  for (const map of state.maps) again.mapPrograms(map);
  again.cgroups(state);
  for (const one of state.files) again.file(one);
  if (!(state.counting >= 0 && state.counting <= MOST_COUNTING)) again.fail('nobody counts so');
  for (let i = 0; i < state.counting; i++) machine.countRuns(1);
  again.closeHandles(state);
  const { objects } = machine;
  objects.programs.next = state.next.programs;
  objects.links.next = state.next.links;
  objects.btfs.next = state.next.btfs;
}

/** How many may want runs counted: each is a descriptor of a process. */
const MOST_COUNTING = 1 << 20;

/** Puts objects back, each under its id. */
class Resumer {
  readonly #machine: Machine;
  readonly #drops: KernelObject[] = [];

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  fail(reason: string): never {
    throw new FormatError('machine', 0, reason);
  }

  users({ users: saved, mounts, sysctls: settings }: MachineState): void {
    const { users, files, sysctls } = this.#machine;
    for (const { name, parent, owner, ids } of saved) {
      users.create(name, { parent: users.get(parent), owner, ids });
    }
    for (const { path, userns, ...options } of mounts) {
      files.attach(path, files.newMount(options, users.get(userns)));
    }
    sysctls.restore(settings);
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
    if (map instanceof InsnArrayMap && saved.filledFor !== undefined) {
      map.resumeFor(saved.filledFor);
    }
  }

  types({ types, fields }: MachineState): void {
    const { runtime, objects } = this.#machine;
    for (const { btf, ...type } of types) {
      runtime.objects.adopt({
        ...type,
        btf: btf === undefined ? undefined : objects.btfs.get(btf)?.btf,
      });
    }
    for (const one of fields) runtime.objects.adoptFields(one);
  }

  program(saved: SavedProgram): void {
    const { objects, runtime } = this.#machine;
    const btf = saved.btf === undefined ? undefined : objects.btfs.get(saved.btf);
    const maps = saved.maps.map((id) => this.#map(id));
    const names = new Map(saved.mapNames);
    const target = saved.target && this.#program(saved.target.program);
    objects.programs.next = saved.id;
    const installation: Installation = {
      spec: saved.spec,
      type: programTypeOf(saved.spec.type!),
      adapted: saved.adapted,
      mapNamed: (name) => this.#map(names.get(name)!),
      verification: saved.verification,
      input: saved.input && {
        ...saved.input,
        btf: btf?.btf,
        maps: maps.map((map) => definitionOf(map)),
        ...(target && {
          attachProgram: { input: target.parts.input!, btfId: saved.target!.btfId! },
        }),
      },
      target,
      runsAs: saved.runsAs === undefined ? undefined : programTypeOf(saved.runsAs),
      bound: this.#deviceOf(saved),
      objectTypes: saved.objectTypes,
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

  #deviceOf({ device, spec }: SavedProgram) {
    return device === undefined ? undefined : bindProgram(this.#machine, spec.type!, { device });
  }

  hook({ id, program, options, target, map }: SavedHook): void {
    this.#machine.objects.links.next = id;
    const at = {
      ...(target !== undefined && { target: this.#program(target) }),
      ...(map !== undefined && { map: this.#map(map) }),
    };
    this.#machine.attach(this.#program(program), { ...options, ...at });
  }

  detachedLink({ id, program, type, info }: SavedDetachedLink): void {
    this.#machine.objects.links.next = id;
    this.#machine.addLink((ended) => new DetachedLink(this.#program(program), ended, type, info));
  }

  inNamespace({ attachType, namespace, program }: SavedNamespaceProgram): void {
    const { subsystems } = this.#machine;
    const hook = subsystems.map((one) => one.namespaceHook?.(attachType)).find(Boolean);
    hook!.attach(this.#program(program), namespace);
  }

  mapPrograms({ id, programs }: SavedMap): void {
    const machine = this.#machine;
    for (const { attachType, program, link } of programs) {
      if (link === undefined) {
        programsOf(this.#map(id)).attach(this.#program(program), attachType);
      } else {
        machine.objects.links.next = link;
        machine.attachMapLink(this.#program(program), this.#map(id), attachType);
      }
    }
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
  closeHandles(state: MachineState): void {
    const { maps, programs, attachments, cgroups, hooks, detached } = state;
    const { objects } = this.#machine;
    const atCgroups = cgroups.flatMap((one) => one.programs);
    const atMaps = maps.flatMap((one) => one.programs);
    for (const { link, closed } of [...attachments, ...atCgroups, ...atMaps]) {
      if (link !== undefined && closed) objects.links.get(link)?.[Symbol.dispose]();
    }
    for (const { id, closed } of [...hooks, ...detached]) {
      if (closed) objects.links.get(id)?.[Symbol.dispose]();
    }
    for (const { id, attached } of programs) if (attached) this.#program(id).releaseTarget();
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
