using System.Text;
using Dtt.Core.Runs;
using Dtt.Silo.Storage;

namespace Dtt.Silo.Tests.Storage;

public sealed class StateSerializerTests
{
    /// <summary>A row as builds before schema versions wrote it: what is renamed since keeps its name here.</summary>
    private const string EarlierRun = """
        {"record":{"version":8,"run":"old","state":"Recovering","created_at":"2026-11-26T14:05:47.1610427+00:00","tokens_folder":"/t","tokenizer_folder":"/v",
        "total_steps":1200,"global_batch_windows":8,"tokens_per_step":1024,
        "attempts":[{"attempt":1,"started_at":"2026-11-26T14:05:47.2373145+00:00","from_step":0,"fingerprint":"f","end_state":"Recovering","outcome":"died"}],
        "checkpoints":[{"step":800,"attempt":1,"manifest_sha256":"m","weights_sha256":"w","size_bytes":13642331,"train_loss":1.08,"val_loss":1.02,
        "pinned":true,"folder_name":"step_00000800.a01"}]},
        "order":{"config_yaml":"name: old\nkeep: 3\nranks_per_node: 1\n","tokens_folder":"/t","tokenizer_folder":"/v","experiment":"old","keep":3,
        "environment":{"OMP_NUM_THREADS":"2"},"priority":5,"init_from":null,"devices":{"wants_gpu":false,"ranks":2,"min_ranks":1}},
        "node":null,"devices":[],"stop_requested":false,"deleting":false,"failure_code":0,"doomed":["step_00000400.a01"],"last_report":4,"last_event":1,
        "events":[{"number":1,"event":{"at":"2026-11-26T14:05:48+00:00","kind":"started","message":"attempt 1"}}]}
        """;

    [Fact]
    public void Deserialize_ARunOfAnEarlierBuild_IsThatRun()
    {
        var run = new StateSerializer().Deserialize<DurableRun>(new BinaryData(Encoding.UTF8.GetBytes(EarlierRun)));
        Assert.Equal(("old", RunState.Recovering, 800L), (run.Record!.Run, run.Record.State, run.Record.Latest!.Step));
        Assert.Equal(("/t", "/v", 5, 3), (run.Request!.TokensFolder, run.Request.TokenizerFolder, run.Request.Priority, run.Request.Config.Keep));
        Assert.Equal(new DeviceRequest(WantsGpu: false, Ranks: 2, MinRanks: 1), run.Request.Devices); // as it was resumed, not as its configuration says
        Assert.Equal(("2", "step_00000400.a01", 1L), (run.Request.Environment["OMP_NUM_THREADS"], run.ToDelete.Single(), run.LastEvent));
    }

    [Fact]
    public void Serialize_KeepsTheNamesOfEarlierBuilds()
    {
        var serializer = new StateSerializer();
        var again = serializer.Serialize(serializer.Deserialize<DurableRun>(new BinaryData(Encoding.UTF8.GetBytes(EarlierRun)))).ToString();
        foreach (var name in new[] { "\"order\":{", "\"doomed\":[\"step_00000400.a01\"]", "\"devices\":{\"wants_gpu\":false,\"ranks\":2", "\"last_event\":1" })
            Assert.Contains(name, again);
    }
}
