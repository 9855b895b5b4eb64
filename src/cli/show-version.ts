import type { CommandCall } from './command.ts';
import { EXIT } from './exit.ts';
import type { CliIo } from './io.ts';
import { toJson } from './values.ts';
import { version } from './version.ts';

/** What it follows: the kernel, and the libbpf in that kernel's source. */
const KERNEL = '6.12.117';
const LIBBPF = '1.5';

/** `beeyard version`, in bpftool's form. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  if (call.json) {
    const features = { libbfd: false, llvm: false, skeletons: false, bootstrap: false };
    const json = { version: version(), libbpf_version: LIBBPF, kernel: KERNEL, features };
    io.out(`${toJson(json, call.flag('pretty'))}\n`);
  } else {
    io.out(`beeyard v${version()}\nfollows Linux ${KERNEL} and its libbpf v${LIBBPF}\n`);
  }
  return EXIT.ok;
}
