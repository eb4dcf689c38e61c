import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

/** Files shorter than this are not worth a second copy: they go into one packet as they are. */
const leastBytes = 1024;

/** Puts a `.br` and a `.gz` beside each file, so that no request pays for compression. */
const compressed: Plugin = {
  name: 'compressed',
  writeBundle({ dir: outDir = '' }) {
    for (const name of readdirSync(outDir, { recursive: true, encoding: 'utf8' })) {
      if (!/\.(html|js|css|svg)$/.test(name)) continue;
      const file = join(outDir, name);
      const bytes = readFileSync(file);
      if (bytes.length < leastBytes) continue;
      writeFileSync(`${file}.br`, brotliCompressSync(bytes));
      writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
    }
  },
};

/** The pages (docs/pages.md): one entry each, every file of them under a name that says what is in it. */
export default defineConfig({
  root: 'web',
  plugins: [compressed],
  build: {
    outDir: '../dist/web',
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0, // what the content security policy would forbid
    reportCompressedSize: false,
    rolldownOptions: { input: ['web/index.html', 'web/admin/index.html'] },
  },
});
