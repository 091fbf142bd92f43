using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Tests;
using Dtt.Training.Checkpoints;
using Dtt.Training.Model;
using Dtt.Training.Optimizers;
using static TorchSharp.torch;

namespace Dtt.Training.Tests.Checkpoints;

public sealed class CheckpointRestoreTests : IDisposable
{
    private static readonly OptimizerConfig _adamW = new() { Name = "adamw", WeightDecay = 0.1, Beta1 = 0.9, Beta2 = 0.95, Epsilon = 1e-8 };
    private static readonly CheckpointOrigin _origin = new("r", Attempt: 2, Seed: 1, Tiny.Model("gpt2"), "tokenizer", "numerics", WindowsPerStep: 4);
    private readonly TempFolder _folder = new();
    private readonly List<RankEvent> _events = [];
    private readonly Gpt _gpt = Tiny.Gpt(Tiny.Model("gpt2"));

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Run_TheNewestIsDamaged_TakesTheOneBefore_AndSaysSo()
    {
        var (older, olderWeights) = Write(step: 1);
        var (newer, newerWeights) = Write(step: 2);
        Assert.NotEqual(olderWeights, newerWeights);
        Assert.Equal(2, Restore([newer, older]));
        Assert.Equal(newerWeights, Tiny.Bytes(_gpt.Parameters.Master));
        Assert.Empty(_events);

        var file = Path.Combine(new RunLayout(_folder.Path).Checkpoint(newer.FolderName), "model.safetensors");
        File.WriteAllBytes(file, File.ReadAllBytes(file)[..^1]);
        Assert.Equal(1, Restore([newer, older]));
        Assert.Equal(olderWeights, Tiny.Bytes(_gpt.Parameters.Master));
        var said = Assert.Single(_events);
        Assert.Equal("unreadable", said.Kind);
        Assert.Contains(file, said.Message);
        Assert.EndsWith("Trying the checkpoint before it.", said.Message);
    }

    [Fact]
    public void Run_NoneCanBeRead_StartsNothingOver()
    {
        var (checkpoint, _) = Write(step: 1);
        Directory.Delete(new RunLayout(_folder.Path).Checkpoint(checkpoint.FolderName), recursive: true);
        Assert.Contains("no checkpoint of run 'r' could be read", Assert.Throws<BadDataException>(() => Restore([checkpoint])).Message);
    }

    [Fact]
    public void Run_OtherNumerics_AreAnEvent()
    {
        var (checkpoint, _) = Write(step: 3);
        Assert.Equal(3, Restore([checkpoint], origin: _origin with { Fingerprint = "other" }));
        Assert.Contains("(numerics → other)", Assert.Single(_events, e => e.Kind == "fingerprint").Message);
    }

    [Fact]
    public void Run_AnotherRunsWeights_AreStepZero_IfTheTokenizerIsTheSame()
    {
        var (checkpoint, weights) = Write(step: 3);
        var place = new CheckpointPlace(new RunLayout(_folder.Path).Checkpoint(checkpoint.FolderName), checkpoint.ManifestSha256);
        Assert.Equal(0, Restore([], place));
        Assert.Equal(weights, Tiny.Bytes(_gpt.Parameters.Master));
        Assert.Equal("weights of run 'r' after step 3", Assert.Single(_events, e => e.Kind == "init_from").Message);
        var error = Assert.Throws<BadDataException>(() => Restore([], place, _origin with { TokenizerSha256 = "other" }));
        Assert.Contains("was trained with another tokenizer", error.Message);
    }

    [Fact]
    public void Run_AnotherDocumentMaskOrPack_IsRefused_ButNotForAnotherRun()
    {
        var (checkpoint, weights) = Write(step: 3);
        var masked = _origin with { Model = _origin.Model with { DocumentMask = true } };
        var error = Assert.Throws<UserErrorException>(() => Restore([checkpoint], origin: masked));
        Assert.Contains("was trained with 'document_mask: false', and the configuration says true", error.Message);
        Assert.Equal(ExitCodes.BadConfiguration, error.ExitCode);
        error = Assert.Throws<UserErrorException>(() => Restore([checkpoint], origin: _origin with { Pack = "bos" }));
        Assert.Contains("was trained with 'pack: none', and the configuration says bos", error.Message);

        var place = new CheckpointPlace(new RunLayout(_folder.Path).Checkpoint(checkpoint.FolderName), checkpoint.ManifestSha256);
        Assert.DoesNotMatch("document_mask|pack", File.ReadAllText(Path.Combine(place.Folder, "manifest.json")));
        Assert.Equal(0, Restore([], place, masked));
        Assert.Equal(weights, Tiny.Bytes(_gpt.Parameters.Master));
    }

    private long Restore(IReadOnlyList<CommittedCheckpoint> from, CheckpointPlace? initFrom = null, CheckpointOrigin? origin = null)
    {
        using var scope = NewDisposeScope();
        _gpt.Parameters.Initialize(9);
        using var optimizer = Optimizer.Of(_adamW, _gpt.Parameters);
        var spec = new TrainSpec
        {
            Run = "r",
            RunFolder = _folder.Path,
            Attempt = 2,
            ConfigYaml = "",
            TokensFolder = "",
            TokenizerFolder = "",
            GlobalBatchWindows = 4,
            InitFrom = initFrom,
            ResumeFrom = from,
        };
        return new CheckpointRestore(spec, origin ?? _origin, _gpt.Parameters, optimizer, m => _events.Add((RankEvent)m)).Run();
    }

    private (CommittedCheckpoint Checkpoint, byte[] Weights) Write(long step)
    {
        using var scope = NewDisposeScope();
        _gpt.Parameters.Initialize(seed: step);
        using var optimizer = Optimizer.Of(_adamW, _gpt.Parameters);
        var folder = new RunLayout(_folder.Path).Checkpoint(WrittenCheckpoint.FolderNameOf(step, _origin.Attempt));
        var weights = _gpt.Parameters.Named(_gpt.Parameters.Master);
        var written = CheckpointFolder.Write(folder, _origin.ManifestAt(step), [.. weights], [.. optimizer.Gather().Tensors()]);
        return (new CommittedCheckpoint(written), Tiny.Bytes(_gpt.Parameters.Master));
    }
}
