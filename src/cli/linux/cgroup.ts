/** Programs at cgroups of a running kernel. */
import { closeSync, openSync } from 'node:fs';
import { attachTypeName, enums, succeed } from '../../abi/index.ts';
import {
  cgroupFolder,
  cgroupsBelow,
  existingCgroup,
  infoById,
  type LinuxKernel,
  queryIfThere,
} from '../../linux/index.ts';
import {
  CGROUP_MOUNT,
  CGROUP_TYPE,
  type CgroupRow,
  programsOutput,
  sharingText,
  takeAttachType,
  takeEffective,
  takeSharing,
  treeOutput,
  treeWords,
} from '../cgroup-words.ts';
import type { CommandCall } from '../command.ts';
import type { Output } from '../machine-file.ts';
import { noMore, type Noun, takeOne } from './choice.ts';

const ATTACH_TYPES = Object.values(enums.bpf_attach_type).filter((type) =>
  CGROUP_TYPE.test(attachTypeName(type)),
);

/** Does it with the cgroup's directory open. */
function inFolder<Result>(folder: string, work: (fd: number) => Result): Result {
  const fd = openSync(folder, 'r');
  try {
    return work(fd);
  } finally {
    closeSync(fd);
  }
}

function rowsOf(kernel: LinuxKernel, path: string, effective: boolean): CgroupRow[] {
  return inFolder(existingCgroup(path), (targetFd) =>
    ATTACH_TYPES.flatMap((attachType) => {
      const { programs, flags } = queryIfThere(kernel.system, {
        targetFd,
        attachType,
        effective,
      });
      return programs.map(({ programId }) => {
        const info = infoById(kernel.system, 'prog', programId);
        return {
          id: programId,
          attach_type: attachTypeName(attachType),
          ...(effective ? {} : { attach_flags: sharingText(flags) }),
          name: info.text('name'),
          attach_btf_obj_id: info.number('attach_btf_obj_id'),
          attach_btf_id: info.number('attach_btf_id'),
        };
      });
    }),
  );
}

function show(kernel: LinuxKernel, words: string[]): Output {
  const path = words.shift()!.replace(CGROUP_MOUNT, '');
  const effective = takeEffective(words);
  return programsOutput(rowsOf(kernel, path, effective), effective);
}

function tree(kernel: LinuxKernel, words: string[]): Output {
  const { path, effective } = treeWords(words);
  const all = cgroupsBelow(path.replace(CGROUP_MOUNT, '')).map((cgroup) => ({
    cgroup,
    programs: rowsOf(kernel, cgroup, effective),
  }));
  return treeOutput(all, effective);
}

/** `cgroup attach CGROUP ATTACH_TYPE PROG [multi|override]`, `cgroup detach` without the flags. */
function attach(kernel: LinuxKernel, words: string[], call: CommandCall): Output {
  const path = words.shift()!.replace(CGROUP_MOUNT, '');
  const attachType = takeAttachType(words);
  const attachBpfFd = takeOne(kernel, 'prog', words);
  const { bpf } = kernel.system;
  if (call.command.path[1] === 'detach') {
    noMore(words);
    return inFolder(existingCgroup(path), (targetFd) => {
      const attr = { targetFd, attachBpfFd, attachType };
      succeed(bpf.progDetach(attr), 'the program is not detached');
      return {};
    });
  }
  const attachFlags = takeSharing(words);
  return inFolder(cgroupFolder(path), (targetFd) => {
    const attr = { targetFd, attachBpfFd, attachType, attachFlags };
    succeed(bpf.progAttach(attr), 'the program is not attached');
    return {};
  });
}

export const cgroupNouns: Readonly<Record<string, Noun>> = {
  'cgroup show': show,
  'cgroup tree': tree,
  'cgroup attach': attach,
  'cgroup detach': attach,
};
