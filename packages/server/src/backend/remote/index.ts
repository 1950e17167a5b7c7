export { BackendOwner, type BackendOwnerOptions } from './backend-owner.js'
export { remote } from './remote-backend.js'
