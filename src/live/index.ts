export { LiveApiModule, LiveModule } from './live.module.js';
export { PublishFigures } from './publish-figures.js';
