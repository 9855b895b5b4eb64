import { MAP_FIELDS_KEPT } from './limits.ts';
import type { UserNamespace } from '../../security/index.ts';
import type { Inode, Mount } from '../bpffs/inode.ts';
import { refuse } from '../errno.ts';
import type { Machine } from '../machine.ts';
import type { MachineMap } from '../map.ts';
import type { Attachment } from '../objects/attachments.ts';
import type { MachineLink } from '../objects/link.ts';
import type { MachineProgram } from '../program.ts';
import { KeyMap } from '../static-keys.ts';
import { saveCgroups } from './cgroups.ts';
import { writeSnapshot } from './file.ts';
import type {
  MachineState,
  SavedAttachment,
  SavedDevice,
  SavedFile,
  SavedMap,
  SavedMount,
  SavedProgram,
  SavedUserNamespace,
} from './state.ts';

/**
 * The whole machine as a file: memory, maps, programs, links, pins. Throws KernelError EBUSY while
 * events are to come (timers), EOPNOTSUPP for what cannot be put into a file: owners of storage,
 * static keys, objects that programs allocate, kernel functions of one's own.
 *
 * @example
 * const bytes = await saveMachine(machine);
 * const { machine: again } = await resumeMachine(bytes);
 */
export async function saveMachine(machine: Machine): Promise<Uint8Array> {
  const { objects, settings, runtime } = machine;
  if (runtime.events.pending > 0)
    refuse('EBUSY', 'a machine is not saved while events are to come');
  if (runtime.options.shared) refuse('EOPNOTSUPP', 'a machine with several threads is not saved');
  if (machine.memory) refuse('EOPNOTSUPP', 'a machine with a model of memory is not saved');
  if (machine.armedTimers > 0) refuse('EBUSY', 'a machine is not saved while timers are armed');
  for (const map of objects.maps) checkMap(map);
  for (const program of objects.programs) checkProgram(program);
  const state: MachineState = {
    kernel: settings.rules?.version,
    engine: settings.engine.name,
    cpus: machine.cpus,
    seed: settings.seed ?? 0,
    mapHash: settings.mapHash,
    devices: [...runtime.host.devices].map(([ifindex, one]) => deviceOf(machine, ifindex, one)),
    btfs: [...objects.btfs].flatMap((one) =>
      one.kernel ? [] : [{ id: one.id, bytes: one.bytes }],
    ),
    maps: [...objects.maps].map(mapOf),
    programs: [...objects.programs].map(programOf),
    attachments: [...machine.attachments].map(attachmentOf),
    users: [...machine.users].filter((one) => one.parent).map(userNamespaceOf),
    mounts: [...machine.files.mounts()].map(mountOf),
    cgroups: saveCgroups(machine),
    nextCgroup: machine.cgroups.nextId,
    files: filesBelow(machine.files.root, ''),
    unprivilegedBpfDisabled: machine.sysctls.unprivilegedBpfDisabled,
    next: {
      programs: objects.programs.next,
      maps: objects.maps.next,
      links: objects.links.next,
      btfs: objects.btfs.next,
    },
  };
  return writeSnapshot(state, runtime);
}

function checkMap(map: MachineMap): void {
  const { facts, spec } = map;
  const held = facts.keyIs ?? (facts.valueIs && MAP_FIELDS_KEPT.values.get(facts.valueIs));
  if (held) refuse('EOPNOTSUPP', `map '${spec.name}' holds what belongs to a ${held}`);
  if (map instanceof KeyMap) refuse('EOPNOTSUPP', `static key '${spec.name}' is not saved`);
  if (facts.insnArray) refuse('EOPNOTSUPP', `instruction array '${spec.name}' is not saved`);
  const mask = map.runtimeMap.definition.special?.mask ?? 0;
  if (mask & ~MAP_FIELDS_KEPT.mask) {
    refuse('EOPNOTSUPP', `map '${spec.name}' has values that own objects or timers`);
  }
}

function checkProgram({ code, spec, parts }: MachineProgram): void {
  if (code.image.objectTypes !== undefined) {
    refuse('EOPNOTSUPP', `program '${spec.name}' allocates objects`);
  }
  if (parts.target) refuse('EOPNOTSUPP', `program '${spec.name}' attaches to another`);
}

type HostDevice = Omit<SavedDevice, 'name' | 'ifindex'>;

function deviceOf({ settings }: Machine, ifindex: number, one: HostDevice): SavedDevice {
  const found = settings.subsystems.map((each) => each.deviceAt?.(ifindex)).find(Boolean);
  const { mtu, address, forwarding } = one;
  return { name: found!.name, ifindex, mtu, address, forwarding };
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
    contents: [...contents].map(([key, object]) => [key, (object as MachineMap).id]),
  };
}

function programOf(program: MachineProgram): SavedProgram {
  const { parts, stats, code, closed, id } = program;
  const loads = parts.adapted.relocations.toSorted((a, b) => a.insn - b.insn);
  const names = [...new Set(loads.map(({ map }) => map))];
  return {
    id,
    spec: parts.spec,
    adapted: parts.adapted,
    input: parts.input && { ...parts.input, btf: undefined, maps: undefined },
    maps: parts.maps.map((map) => map.id),
    mapNames: Object.fromEntries(names.map((name, i) => [name, parts.maps[i]!.id])),
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
    closed,
  };
}

function attachmentOf({ program, options, link, place }: Attachment): SavedAttachment {
  const { revision } = place.point;
  return { program: program.id, options, link: link?.id, closed: link?.closed ?? true, revision };
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
