import { constants } from '../../abi/index.ts';
import type { UserNamespace } from '../../security/index.ts';
import type { Inode, Mount } from '../bpffs/inode.ts';
import { refuse } from '../errno.ts';
import { InsnArrayMap } from '../insn-array.ts';
import type { Machine } from '../machine.ts';
import type { MachineMap } from '../map.ts';
import type { Attachment } from '../objects/attachments.ts';
import { HookLink } from '../objects/hook-link.ts';
import { Freezer } from '../objects/kept.ts';
import type { MachineLink } from '../objects/link.ts';
import type { MachineProgram } from '../program.ts';
import { cgroupRoots, saveCgroups } from './cgroups.ts';
import { writeSnapshot } from './file.ts';
import type {
  MachineState,
  SavedAttachment,
  SavedDetachedLink,
  SavedFile,
  SavedHook,
  SavedMap,
  SavedMount,
  SavedNamespaceProgram,
  SavedProgram,
  SavedState,
  SavedType,
  SavedUserNamespace,
} from './state.ts';

/**
 * The whole machine as a file: memory, clock, maps, programs, links, pins, tasks, timers, and the
 * network with its namespaces, devices, sockets and packets that wait. What only JavaScript knows
 * is not in it: listeners, captures and traces, kernel functions of one's own (give them to
 * `resumeMachine`). Throws KernelError EOPNOTSUPP for a machine with several threads or a model of
 * memory, EBUSY while something is to come that no file holds.
 *
 * @example
 * const bytes = await saveMachine(machine);
 * const { machine: again, network } = await resumeMachine(bytes);
 */
export async function saveMachine(machine: Machine): Promise<Uint8Array> {
  const { settings, runtime } = machine;
  if (runtime.options.shared) refuse('EOPNOTSUPP', 'a machine with several threads is not saved');
  if (machine.memory) refuse('EOPNOTSUPP', 'a machine with a model of memory is not saved');
  const parts = machine.subsystems.flatMap(({ saved }) => saved ?? []);
  const freezer = new Freezer(
    parts.flatMap(({ kinds }) => kinds),
    runtime.events,
  );
  freezer.addRoots(cgroupRoots(machine));
  freezer.addRoots([...runtime.owners].map(([number, one]) => [`owner ${number}`, one]));
  const subsystems = parts.map((one) => one.save(freezer));
  const state: SavedState = {
    boot: {
      kernel: settings.rules?.version,
      engine: settings.engine.name,
      cpus: machine.cpus,
      seed: settings.seed ?? 0,
      mapHash: settings.mapHash,
    },
    subsystems,
    machine: freezer.value(stateOf(machine)),
    nodes: freezer.nodes(),
  };
  const others = runtime.events.made - freezer.events;
  if (others > 0) refuse('EBUSY', `${others} events are to come that no file holds`);
  return writeSnapshot(state, runtime);
}

function stateOf(machine: Machine): MachineState {
  const { objects, runtime } = machine;
  const links = [...objects.links];
  return {
    btfs: [...objects.btfs].flatMap((one) =>
      one.kernel ? [] : [{ id: one.id, bytes: one.bytes }],
    ),
    maps: [...objects.maps].map(mapOf),
    programs: [...objects.programs].map(programOf),
    attachments: [...machine.attachments].map(attachmentOf),
    hooks: links.flatMap((one) => (one instanceof HookLink && one.attached ? [hookOf(one)] : [])),
    detached: links.filter(({ attached }) => !attached).map(detachedOf),
    inNamespaces: programsInNamespaces(machine),
    users: [...machine.users].filter((one) => one.parent).map(userNamespaceOf),
    mounts: [...machine.files.mounts()].map(mountOf),
    cgroups: saveCgroups(machine),
    nextCgroup: machine.cgroups.nextId,
    files: filesBelow(machine.files.root, ''),
    sysctls: machine.sysctls.saved,
    // Tasks and cgroups bring theirs.
    owners: [...runtime.owners.values()].flatMap(({ kind, number, address }) => {
      return kind === 'socket' || kind === 'inode' ? [{ kind, number, address }] : [];
    }),
    types: typesOf(machine),
    fields: runtime.objects.written,
    scratch: [...runtime.scratch],
    counting: machine.countingRuns,
    next: {
      programs: objects.programs.next,
      maps: objects.maps.next,
      links: objects.links.next,
      btfs: objects.btfs.next,
    },
  };
}

function mapOf(map: MachineMap): SavedMap {
  const { runtimeMap, contents } = map;
  return {
    id: map.id,
    address: runtimeMap.address,
    spec: map.spec,
    flags: runtimeMap.definition.flags,
    btf: map.btf?.id,
    inner: map.inner?.id,
    frozen: map.frozen,
    closed: map.closed,
    owner: map.owner,
    filledFor: map instanceof InsnArrayMap ? map.program : undefined,
    contents: [...contents].map(([key, object]) => [key, (object as MachineMap).id]),
    programs: [...(map.programs?.all() ?? [])].map(([attachType, program, link]) => {
      return { attachType, program: program.id, link: link?.id, closed: link?.closed ?? true };
    }),
  };
}

function programOf(program: MachineProgram): SavedProgram {
  const { parts, stats, code, closed, id } = program;
  const loads = parts.adapted.relocations.toSorted((a, b) => a.insn - b.insn);
  const keys = (parts.spec.staticBranches ?? []).map(({ key }) => key);
  const names = [...new Set([...loads.map(({ map }) => map), ...keys])];
  const { attachProgram, btf: _btf, maps: _maps, ...input } = parts.input ?? {};
  return {
    id,
    spec: parts.spec,
    adapted: parts.adapted,
    input: parts.input && (input as SavedProgram['input']),
    target: parts.target?.alive
      ? { program: parts.target.id, btfId: attachProgram?.btfId }
      : undefined,
    attached: program.target === undefined,
    runsAs: parts.runsAs === parts.type ? undefined : parts.runsAs.name,
    maps: parts.maps.map((map) => map.id),
    mapNames: names.map((name, i) => [name, parts.maps[i]!.id]),
    device: parts.bound?.path,
    bound: program.maps.slice(parts.maps.length).map((map) => map.id),
    btf: parts.btf?.id,
    license: parts.license,
    loadTime: parts.loadTime,
    uid: parts.uid,
    token: parts.token && { userns: parts.token.userns.name, allows: parts.token.allows },
    capabilities: parts.capabilities,
    verification: parts.verification,
    stats,
    slots: parts.slots,
    entry: code.entry,
    objectTypes: code.image.objectTypes,
    closed,
  };
}

function attachmentOf({ program, options, link, place }: Attachment): SavedAttachment {
  const { revision } = place.point;
  return { program: program.id, options, link: link?.id, closed: link?.closed ?? true, revision };
}

function hookOf({ id, program, options, closed }: HookLink): SavedHook {
  const { target, map, ...others } = options;
  const kernelMap = map && ('kernelMap' in map ? map.kernelMap : map);
  const known = { target: target?.id, map: kernelMap?.id };
  return { id, program: program.id, options: others, ...known, closed };
}

function detachedOf(link: MachineLink): SavedDetachedLink {
  const { id, program, closed, type } = link;
  return { id, program: program.id, closed, type, info: link.info() };
}

/** Attach types of hooks in namespaces that take programs without a link. */
const IN_NAMESPACES = [constants.BPF_FLOW_DISSECTOR, constants.BPF_SK_LOOKUP];

function programsInNamespaces({ subsystems }: Machine): SavedNamespaceProgram[] {
  return IN_NAMESPACES.flatMap((attachType) =>
    subsystems
      .flatMap((one) => [...(one.namespaceHook?.(attachType)?.direct() ?? [])])
      .map(([namespace, { id: program }]) => ({ attachType, namespace, program })),
  );
}

function typesOf({ runtime, objects }: Machine): SavedType[] {
  const btfs = [...objects.btfs].filter(({ kernel }) => !kernel);
  return runtime.objects.known.map(({ name, perCpu, address, btf, id }) => {
    const found = btfs.find((one) => one.btf === btf);
    return { name, perCpu, address, btf: found?.id, id };
  });
}

function userNamespaceOf({ name, parent, owner, ids }: UserNamespace): SavedUserNamespace {
  return { name, parent: parent!.name, owner, ids };
}

function mountOf({ path, userns, delegate, uid, gid, mode }: Mount): SavedMount {
  return { path: path!, userns: userns.name, delegate, uid, gid, mode };
}

function filesBelow(directory: Inode, path: string): SavedFile[] {
  if (directory.kind !== 'dir') return [];
  return [...directory.entries].flatMap(([name, inode]) => {
    const here = `${path}/${name}`;
    const { kind, uid, gid, mode } = inode;
    const id = 'object' in inode ? (inode.object as MachineLink).id : 0;
    const target = inode.kind === 'symlink' ? inode.target : undefined;
    return [{ path: here, kind, uid, gid, mode, id, target }, ...filesBelow(inode, here)];
  });
}
