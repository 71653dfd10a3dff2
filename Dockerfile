# syntax=docker/dockerfile:1

# The builder compiles a static program: no libc, no cgo, no paths of this stage.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /portolan . \
    && mkdir /data

# The image has the program, the certificates to trust, and a directory to keep
# data in; no shell, no package manager, no root.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /portolan /portolan
COPY --from=build --chown=65532:65532 /data /data
USER 65532:65532
# /data/portolan.yaml is the configuration. Without one the sample is served, to
# be read only: no key is made on an address that others reach.
WORKDIR /data
ENV HOST=0.0.0.0 PORT=8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=4s --start-period=10s CMD ["/portolan", "healthcheck"]
ENTRYPOINT ["/portolan"]
