import { checkBtfLoad, parseBtf } from '../../btf/index.ts';
import type { BtfLoadAttr } from '../../kernel/index.ts';
import { constants } from '../../abi/index.ts';
import { refuse } from '../errno.ts';
import { openBtf } from './files.ts';
import { checkLogOptions, putLog } from './log.ts';
import type { Process } from './process.ts';
import { checkBtfRights, givenToken, tokenFor } from './rights.ts';
import { userBytes } from './values.ts';

const { BPF_F_TOKEN_FD } = constants;
/** BTF_MAX_SIZE */
const MOST_BYTES = 16 << 20;

/** BPF_BTF_LOAD: a file descriptor. */
export function btfLoad(process: Process, attr: BtfLoadAttr): number {
  const { btfFlags = 0, btfSize } = attr;
  if (btfFlags & ~BPF_F_TOKEN_FD) refuse('EINVAL', 'flags');
  checkBtfRights(process, tokenFor.btf(givenToken(process, btfFlags, attr.btfTokenFd)));
  if (btfSize > MOST_BYTES) refuse('E2BIG', 'more types than a program may bring');
  checkLogOptions(attr.btfLogLevel, attr.btfLogBuf, attr.btfLogSize);
  const bytes = userBytes(attr.btf, btfSize).slice();
  const refusal = checkBtfLoad(bytes);
  if (refusal) {
    const cut = logRefusal(attr, refusal.message);
    refuse(cut ? 'ENOSPC' : refusal.code, refusal.message);
  }
  const { objects } = process.machine;
  const btf = parseBtf(bytes);
  const object = objects.addBtf({ name: '', kernel: false, btf: () => btf, bytes });
  objects.knowBtf(btf, object);
  try {
    return openBtf(process, object);
  } finally {
    object.drop();
  }
}

/** The reason; Linux tells of each type before that, too. */
function logRefusal(attr: BtfLoadAttr, message: string): boolean {
  const text = `${message}\n`;
  if (!attr.btfLogLevel) return false;
  attr.btfLogTrueSize = text.length + 1;
  return attr.btfLogBuf !== undefined && putLog(attr.btfLogBuf, text, attr.btfLogSize!, false);
}
