export { AdminSessionStore } from './admin-session.store.js';
export { AdmissionApiModule, AdmissionModule } from './admission.module.js';
export { LimitRequests } from './limit-requests.js';
