import type { Message } from './messages/message.ts';

/** Why a program does not pass: thrown inside the verifier, turned into a result by `verify`. */
export class Rejection extends Error {
  override readonly name = 'Rejection';
  /** 'EACCES', 'EINVAL', 'E2BIG', … */
  readonly errno: string;
  /** The last words; undefined where the kernel says nothing. */
  readonly reason: Message | undefined;

  constructor(errno: string, reason: Message | undefined) {
    super(reason ? `${reason.text} (${errno})` : errno);
    this.errno = errno;
    this.reason = reason;
  }
}
