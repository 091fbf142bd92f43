using Dtt.Abstractions;
using Dtt.Grains.Storage;

namespace Dtt.Grains.Datasets;

/// <summary>The record of one piece: written once per finished stage.</summary>
[GrainType("shard")]
internal sealed class ShardGrain([PersistentState(StateStorage.Shard, StateStorage.PieceProvider)] IPersistentState<ShardState> state) : Grain, IShardGrain
{
    public async Task FinishAsync(DatasetStage stage, PieceResult result)
    {
        if (state.State.Finished.TryGetValue(stage, out var there) && there == result) return;
        state.State = state.State with { Finished = new Dictionary<DatasetStage, PieceResult>(state.State.Finished) { [stage] = result } };
        await state.WriteStateAsync();
    }

    public Task<PieceResult?> FindAsync(DatasetStage stage) => Task.FromResult(state.State.Finished.GetValueOrDefault(stage));
}
