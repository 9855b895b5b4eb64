import {
  attachedType,
  enums,
  findKernelType,
  findModuleType,
  type KernelType,
} from '../abi/index.ts';
import type { KernelProfile } from '../abi/profile.ts';
import { KernelError } from '../base/index.ts';
import type { BtfComposite, BtfKind } from '../btf/index.ts';
import type { MapSpec, ObjectFile, ProgramSpec } from '../object/index.ts';
import type { VerifierInput } from './types.ts';

/** A program on its way to become an input. */
export interface AttachRequest {
  readonly object: ObjectFile;
  readonly program: ProgramSpec;
  readonly type: number;
  readonly expectedAttachType: number;
  readonly profile: KernelProfile;
}

type AttachTarget = Pick<VerifierInput, 'attachBtfId' | 'attachProgram' | 'attachModule'> &
  Partial<Pick<VerifierInput, 'expectedAttachType'>>;

const { bpf_prog_type: programs } = enums;
const BTF_TYPES: readonly number[] = [
  programs.BPF_PROG_TYPE_TRACING,
  programs.BPF_PROG_TYPE_LSM,
  programs.BPF_PROG_TYPE_EXT,
];

/**
 * What libbpf finds under the name behind the section's slash. Throws `KernelError` where it gives
 * up before asking the kernel.
 */
export function attachTarget(request: AttachRequest, target?: VerifierInput): AttachTarget {
  const { type, program } = request;
  if (type === programs.BPF_PROG_TYPE_STRUCT_OPS) return structOpsMember(request);
  if (!BTF_TYPES.includes(type)) return { attachBtfId: 0 };
  const name = program.attachTarget;
  if (name === undefined) refuse('EINVAL', 22, program, 'no BTF-based attach target is specified');
  if (target || type === programs.BPF_PROG_TYPE_EXT) return programFunction(program, name, target);
  return kernelFunction(request, name);
}

function refuse(code: string, errno: number, program: ProgramSpec, words: string): never {
  throw new KernelError(code, errno, `prog '${program.name}': ${words}`);
}

function programFunction(
  program: ProgramSpec,
  name: string,
  input: VerifierInput | undefined,
): AttachTarget {
  if (!input) refuse('EINVAL', 22, program, 'attach program FD is not set');
  const btfId = input.btf?.find('func', name);
  if (btfId === undefined) refuse('ENOENT', 2, program, `the target has no function '${name}'`);
  return { attachBtfId: btfId, attachProgram: { input, btfId } };
}

/** The name may begin with that of the module to look into: 'vmlinux:x', 'nf_conntrack:x'. */
function kernelFunction(
  { program, profile, expectedAttachType }: AttachRequest,
  name: string,
): AttachTarget {
  const colon = name.indexOf(':');
  const place = name.slice(0, Math.max(colon, 0));
  const [kind, prefix] = attachedType(expectedAttachType);
  const found = typeIn(profile, place, kind, prefix + name.slice(colon + 1));
  if (found) return targetOf(found);
  return refuse('ESRCH', 3, program, `failed to find kernel BTF type ID of '${name}': -3`);
}

/** find_kernel_btf_id: `place` is '' for anywhere, 'vmlinux' or a module. */
function typeIn(
  profile: KernelProfile,
  place: string,
  kind: BtfKind,
  name: string,
): KernelType | undefined {
  if (place === '') return findKernelType(profile, kind, name);
  if (place === 'vmlinux') return findKernelType({ btf: profile.btf, modules: [] }, kind, name);
  return findModuleType(
    profile.modules.filter((module) => module.name === place),
    kind,
    name,
  );
}

const targetOf = ({ id, module }: KernelType): AttachTarget => ({
  attachBtfId: id,
  ...(module && { attachModule: module.name }),
});

/**
 * The kernel's struct of a struct_ops table that names the program, and the member's index as the
 * attach type.
 */
function structOpsMember(request: AttachRequest): AttachTarget {
  const { object, program } = request;
  let target: AttachTarget | undefined;
  for (const map of object.maps) {
    if (map.type !== 'struct_ops') continue;
    for (const slot of map.initialSlots?.filter(({ name }) => name === program.name) ?? []) {
      const found = memberAt(request, map, slot.slot);
      target ??= found;
      const isOther =
        target.attachBtfId !== found.attachBtfId ||
        target.expectedAttachType !== found.expectedAttachType;
      if (isOther) refuse('EINVAL', 22, program, `it is used again by '${map.name}'`);
    }
  }
  return (
    target ??
    refuse('EINVAL', 22, program, "program isn't referenced anywhere, did you forget to use it?")
  );
}

function memberAt(
  { object, program, profile }: AttachRequest,
  map: MapSpec,
  slot: number,
): AttachTarget {
  const local = object.btf!.type(map.valueTypeId) as BtfComposite;
  const member = local.members.find(({ bitOffset }) => bitOffset === slot * 64);
  const name = local.name.replace(/([^_])___[^_].*$/, '$1');
  const found = findKernelType(profile, 'struct', name);
  if (!found || found.btf.find('struct', `bpf_struct_ops_${name}`) === undefined) {
    refuse('ENOENT', 2, program, `struct bpf_struct_ops_${name} is not found in kernel BTF`);
  }
  const kernel = found.btf.type(found.id) as BtfComposite;
  const index = kernel.members.findIndex((each) => each.name === member?.name);
  if (index < 0) refuse('EOPNOTSUPP', 95, program, `no member '${member?.name}' in '${name}'`);
  return { ...targetOf(found), expectedAttachType: index };
}
