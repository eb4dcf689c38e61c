export { AdmissionModule } from './admission.module.js';
export { LimitRequests } from './limit-requests.js';
