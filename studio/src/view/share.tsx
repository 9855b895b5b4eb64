/** The dialog that shares what is looked at: as a link, or as a file. Nothing is uploaded. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { LONGEST_FRAGMENT, shareHash } from '../model/bundle.ts';
import { bundleOf } from '../sharing.ts';
import { notice, route, shareShown } from '../store.ts';
import { Copy, download, grouped } from './parts.tsx';

/** The server of `beeyard studio`: its address is of this computer, and has a token in it. */
const isLocal = (): boolean => ['127.0.0.1', 'localhost'].includes(location.hostname);

export default function Share() {
  const box = useRef<HTMLDialogElement>(null);
  const bytes = useSignal<Uint8Array | undefined>(undefined);
  useEffect(() => {
    box.current?.showModal();
    bundleOf().then(
      (made) => (bytes.value = made),
      (error: Error) => (notice.value = error.message),
    );
  }, []);
  const close = () => (shareShown.value = false);
  return (
    <dialog ref={box} class="share" aria-labelledby="share" onClose={close}>
      <h2 id="share">Share this view</h2>
      {bytes.value ? <Ways bytes={bytes.value} /> : <p class="note">Packing …</p>}
      <button type="button" onClick={close}>
        Close
      </button>
    </dialog>
  );
}

function Ways({ bytes }: { readonly bytes: Uint8Array }) {
  const hash = shareHash(bytes);
  const link = hash && (isLocal() ? hash : `${location.origin}${location.pathname}${hash}`);
  return (
    <>
      <p>
        The files and the place are in the link or the file itself, {grouped(bytes.length)} bytes;
        nothing is uploaded.
      </p>
      {link ? (
        <p class="row-of-buttons">
          <Copy label="Copy link" text={() => link} />
          <span class="note">
            {isLocal() && 'From # on: it goes behind the address of any studio.'}
          </span>
        </p>
      ) : (
        <p class="note">
          Too much for a link of {grouped(LONGEST_FRAGMENT)} letters: take the file.
        </p>
      )}
      <p class="row-of-buttons">
        <button type="button" class="quiet" onClick={() => download(sharedName(), bytes)}>
          Download .beeyard
        </button>
        <span class="note">
          Drop it on a studio, or <code>beeyard studio FILE.beeyard</code>.
        </span>
      </p>
    </>
  );
}

function sharedName(): string {
  const at = route.value;
  return `${('program' in at && at.program) || 'studio'}.beeyard`;
}
