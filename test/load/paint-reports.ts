import { readdir } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { startBrowser, violationsOf, visitor } from '../support/browser.js';

/** `npm run load:pictures`: opens every report of load-tests/results in a real browser, and paints it into docs/images. */
const reports = fileURLToPath(new URL('../../load-tests/results/', import.meta.url));
const images = fileURLToPath(new URL('../../docs/images/', import.meta.url));

const browser = await startBrowser();
try {
  for (const file of (await readdir(reports)).filter((name) => name.endsWith('.html')).sort()) {
    const name = file.replace('.html', '');
    const { context, page, errors } = await visitor(browser, 'file:///', { viewport: { width: 800, height: 600 } });
    await page.goto(pathToFileURL(reports + file).href);
    const wrong = [...errors, ...(await violationsOf(page))];
    console.log(`${await page.title()}: ${wrong.length === 0 ? 'opened without an error' : wrong.join(', ')}`);
    if (wrong.length > 0) process.exitCode = 1;
    await page.screenshot({ path: `${images}load-${name}.png`, fullPage: true });
    await context.close();
  }
} finally {
  await browser.close();
}
