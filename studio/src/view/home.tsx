/** Home: what is open, and examples to begin with. */
import { useSignal } from '@preact/signals';
import {
  editorShown,
  files,
  gallery,
  type GalleryEntry,
  go,
  notice,
  objectFiles,
  openEntry,
  programRoute,
  sourceOf,
} from '../store.ts';

export async function takeFiles(list: FileList | null | undefined): Promise<void> {
  const given = Array.from(list ?? [], async (file) => ({
    name: file.name,
    bytes: new Uint8Array(await file.arrayBuffer()),
  }));
  const { openFiles } = await import('../sharing.ts');
  await openFiles(await Promise.all(given));
}

export function Home() {
  return (
    <div class="home">
      <section class="hero">
        <h1>See why.</h1>
        <p>
          Drop a <code>.bpf.o</code>, with its <code>.bpf.c</code> and a capture if you have them.
          It is verified by the rules of Linux 6.12 and run here, in this window. Nothing is
          uploaded.
        </p>
        <label class="drop">
          <input
            type="file"
            multiple
            class="hidden"
            onChange={({ currentTarget }) => void takeFiles(currentTarget.files)}
          />
          <span>Choose files</span> or drop them anywhere
        </label>
      </section>
      {files.value.length > 0 && <OpenFiles />}
      <section aria-labelledby="examples">
        <h2 id="examples">Examples</h2>
        <ul class="gallery">
          {gallery.value.map((entry) => (
            <Card key={entry.title} entry={entry} />
          ))}
        </ul>
      </section>
    </div>
  );
}

function Card({ entry }: { readonly entry: GalleryEntry }) {
  const busy = useSignal(false);
  const open = async () => {
    busy.value = true;
    try {
      await openEntry(entry);
    } catch (error) {
      notice.value = (error as Error).message;
    }
    busy.value = false;
  };
  return (
    <li>
      <button type="button" class="card" aria-busy={busy.value} onClick={() => void open()}>
        <span class={`tag ${entry.kind === 'rejected' ? 'bad' : ''}`}>{entry.kind}</span>
        <strong>{entry.title}</strong>
        <span>{entry.text}</span>
      </button>
    </li>
  );
}

/** With the program made of it, if that is open. */
function editSource(name: string): void {
  const made = objectFiles.value.find((file) => sourceOf(file.name)?.name === name);
  editorShown.value = true;
  go(made ? programRoute(made.name, made.object!.programs[0]?.name ?? '') : programRoute(name, ''));
}

function OpenFiles() {
  return (
    <section aria-labelledby="open">
      <h2 id="open">Open</h2>
      <ul class="files">
        {files.value.map(({ name, object, packets, problem, kind }) => (
          <li key={name}>
            <code>{name}</code>
            {object?.programs.map((program) => (
              <button
                type="button"
                key={program.name}
                onClick={() => go(programRoute(name, program.name))}
              >
                {program.name} <span class="note">{program.insns} insns</span>
              </button>
            ))}
            {packets !== undefined && <span class="note">{packets} packets</span>}
            {kind === 'source' && <span class="note">source</span>}
            {name.endsWith('.c') && (
              <button type="button" onClick={() => editSource(name)}>
                Edit
              </button>
            )}
            {problem && <span class="problem">{problem}</span>}
          </li>
        ))}
      </ul>
    </section>
  );
}
