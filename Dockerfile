# One image for the API, the migrations and every worker: `overread serve|migrate|worker …`.
# Alone it runs everything in one container, with its private PostgreSQL; docker-compose.yml runs the parts apart.

FROM python:3.12-slim AS build

# Where PyTorch comes from. Empty: the registry's own wheel, which runs on CPUs and NVIDIA GPUs alike but brings
# gigabytes of CUDA on Linux. The address of PyTorch's CPU index makes an image of a third of the size.
ARG TORCH_INDEX_URL=""

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/overread
ENV PATH=/opt/overread/bin:$PATH
WORKDIR /src

# The dependencies are a layer of their own: a change of our code downloads nothing.
COPY pyproject.toml constraints.txt ./
RUN pip install -c constraints.txt ${TORCH_INDEX_URL:+--index-url "$TORCH_INDEX_URL"} torch
RUN python -c "import tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
        print(*project['dependencies'], *project['optional-dependencies']['text'], sep='\n')" > requirements.txt \
    && pip install -c constraints.txt -r requirements.txt

COPY README.md ./
COPY app app
COPY ml ml
COPY migrations migrations
RUN pip install --no-deps .


FROM python:3.12-slim

# A named account: PostgreSQL refuses to run as root, and as a number without a name.
RUN groupadd --gid 10001 overread \
    && useradd --uid 10001 --gid overread --home-dir /var/lib/overread --no-create-home overread \
    && install --directory --owner=overread --group=overread --mode=0700 /var/lib/overread

# Training on a GPU compiles its kernels, and asks a C compiler for their launchers; without one it is slower. They
# are kept with the data: files in a tmpfs cannot be executed.
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*

COPY --from=build /opt/overread /opt/overread
ENV PATH=/opt/overread/bin:$PATH PYTHONUNBUFFERED=1 OVERREAD_DATA_DIR=/var/lib/overread
ENV TORCHINDUCTOR_CACHE_DIR=/var/lib/overread/kernels/inductor TRITON_CACHE_DIR=/var/lib/overread/kernels/triton

USER 10001:10001
WORKDIR /var/lib/overread
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["overread"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
