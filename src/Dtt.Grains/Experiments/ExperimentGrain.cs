using Dtt.Abstractions;
using Dtt.Grains.Storage;

namespace Dtt.Grains.Experiments;

/// <summary>The runs of one requested name.</summary>
[GrainType("experiment")]
internal sealed class ExperimentGrain(
    [PersistentState(StateStorage.Experiment, StateStorage.Provider)] IPersistentState<ExperimentState> state) : Grain, IExperimentGrain
{
    public async Task AddAsync(string run, string configYaml)
    {
        if (state.State.Runs.Contains(run)) return;
        state.State = new ExperimentState
        {
            BaseConfigYaml = state.State.Runs.Count == 0 ? configYaml : state.State.BaseConfigYaml,
            Runs = [.. state.State.Runs, run],
        };
        await state.WriteStateAsync();
    }

    public async Task RemoveAsync(string run)
    {
        if (!state.State.Runs.Contains(run)) return;
        state.State = state.State with { Runs = [.. state.State.Runs.Where(r => r != run)] };
        await (state.State.Runs.Count == 0 ? state.ClearStateAsync() : state.WriteStateAsync());
    }

    public Task<ExperimentView?> FindAsync() => Task.FromResult(state.State.Runs.Count == 0 ? null
        : new ExperimentView(Path.GetFileName(this.Folder()), state.State.BaseConfigYaml, state.State.Runs));
}
