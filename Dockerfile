# JupyterLab with everything set up and the sample made:
#   docker build -t fluxlib . && docker run --rm -p 8888:8888 fluxlib
FROM python:3.13-slim-bookworm

RUN useradd --create-home --uid 1000 flux && install -d -o flux /home/flux/fluxlib
USER 1000
WORKDIR /home/flux/fluxlib
COPY --chown=flux . .
RUN ./run_all.sh --dry-run

EXPOSE 8888
CMD ["./run_all.sh", "lab", "--ip=0.0.0.0", "--no-browser"]
