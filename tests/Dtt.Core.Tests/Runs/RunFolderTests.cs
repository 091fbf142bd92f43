using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Tests;

namespace Dtt.Core.Tests.Runs;

public sealed class RunFolderTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Ready_SweepsWhatEarlierAttemptsLeft_AndNothingOfThoseThatCommittedOrCameLater()
    {
        string[] names = ["step_00000010.a01", "step_00000020.a01", "step_00000020.a02", "step_00000030.a03", "notes"];
        foreach (var name in names) Directory.CreateDirectory(_folder[$"checkpoints/{name}"]);
        RunFolder.Ready(new TrainSpec
        {
            Run = "r",
            RunFolder = _folder.Path,
            Attempt = 3,
            ConfigYaml = "name: r\n",
            TokensFolder = "",
            TokenizerFolder = "",
            GlobalBatchWindows = 0,
            ResumeFrom = [new CommittedCheckpoint { Step = 10, Attempt = 1, ManifestSha256 = "m", WeightsSha256 = "w", SizeBytes = 1 }],
        });
        Assert.Equal(["notes", "step_00000010.a01", "step_00000030.a03"],
            Directory.GetDirectories(_folder["checkpoints"]).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal));
    }
}
