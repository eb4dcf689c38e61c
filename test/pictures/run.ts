import { fileURLToPath } from 'node:url';
import { Teardown } from '../../src/cli/teardown.js';
import { startBrowser } from '../support/browser.js';
import { paintAdmin } from './admin.js';
import { paintBuyer } from './buyer.js';
import { startStage } from './stage.js';

/** `npm run pictures`: paints the pages as they are now into docs/images. */
const folder = fileURLToPath(new URL('../../docs/images/', import.meta.url));
const teardown = new Teardown();
let exitCode = 1;
try {
  const url = await startStage(teardown);
  const browser = await startBrowser();
  teardown.add(() => browser.close());
  await paintBuyer(browser, url, folder);
  await paintAdmin(browser, url, folder);
  exitCode = 0;
} catch (error) {
  console.error(error);
}
await teardown.run();
process.exit(exitCode);
