"""What all tests share: which of them are slow, and an environment that is the same everywhere."""

import gc
import os
import sys

import pytest

os.environ.pop("CNNLIB_RECORDS", None)  # the records of the repository, whatever the user's shell has set
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

# What `make check` leaves out, since it trains or takes seconds: in a file, the tests with one of these in
# their names.
SLOW = {
    "test_account.py": ("test_keras_applications",),
    "test_benchmarks.py": ("test_one_round_runs",),
    "test_training.py": ("test",),
    "test_resuming.py": ("test",),
    "test_compiled.py": ("_of_", "bit_for_bit", "not_finite", "a_line", "recorded", "programs"),
    "test_devices.py": ("_train_as_one_does", "is_killed", "refuse_the_same"),
    "test_command_line.py": ("test_train_",),
    "test_models.py": ("cifar-resnet-1202",),
    "test_project.py": ("test_what_the_readme_shows", "test_a_warning_stops_the_build"),
    "test_published.py": ("test_the_same_function[resnet-1", "test_from_a_file"),
    "test_lenet5.py": ("test_the_tool_records",),
    "test_measurements.py": ("test_the_tool_records",),
    "test_alexnet_filters.py": ("test_the_tool_records",),
    "test_vgg.py": ("test_the_tool",),
    "test_cut_blocks.py": ("test_the_tool_records",),
    "test_comparison.py": ("test_the_tool_records", "diverges", "what_is_timed"),
}


def pytest_collection_modifyitems(items):
    """Mark the slow tests."""
    for item in items:
        if any(part in item.name for part in SLOW.get(item.path.name, ())):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def figures_closed():
    """No test leaves a figure to the next one."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture
def memory_back():
    """Give the memory of large networks back after the test."""
    yield
    import keras

    keras.backend.clear_session()
    gc.collect()
    if keras.backend.backend() == "jax":  # keeps every function that it has compiled
        import jax

        jax.clear_caches()


@pytest.fixture(scope="module")
def zero_weights():
    """For tests that do not look at weights: to draw the 140 million numbers of a VGG takes seconds."""
    import keras

    with pytest.MonkeyPatch.context() as patch:
        for kind in (keras.initializers.VarianceScaling, keras.initializers.RandomNormal):
            patch.setattr(kind, "__call__", lambda self, shape, dtype=None: keras.ops.zeros(shape, dtype))
        yield
