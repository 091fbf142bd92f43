using System.Diagnostics;
using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary>The launcher on a machine without .NET or without a home: a folder of links is its whole PATH.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class LauncherTests : IDisposable
{
    private const UnixFileMode Everybody = (UnixFileMode)0b111_111_111, NobodyWrites = (UnixFileMode)0b101_101_101;
    private const string Nobody = "65534";
    private const string Program = "dtt/artifacts/publish/Dtt.Cli/release_linux-x64/dtt.dll";
    private static readonly string[] _asNobody = Environment.UserName != "root" ? []
        : ["/usr/bin/setpriv", $"--reuid={Nobody}", $"--regid={Nobody}", "--clear-groups"];
    private readonly TempFolder _folder = new();

    public LauncherTests()
    {
        Directory.CreateDirectory(_folder["bin"]);
        foreach (var tool in "bash env sed find readlink mktemp rm grep mkdir flock touch cat chmod cp ln ls sort tail du cut".Split(' '))
        {
            var real = new[] { "/bin/", "/usr/bin/" }.Select(p => p + tool).First(File.Exists);
            File.CreateSymbolicLink(_folder["bin/" + tool], real);
        }

        Directory.CreateDirectory(_folder["dtt"]);
        File.Copy(Repository.At("dtt"), _folder["dtt/dtt"]);
        File.Copy(Repository.At("global.json"), _folder["dtt/global.json"]);
        foreach (var empty in new[] { "src", "build" }) Directory.CreateDirectory(_folder["dtt/" + empty]);
        foreach (var props in new[] { "Directory.Build.props", "Directory.Packages.props", "Directory.Build.targets" }) _folder.Write("dtt/" + props, "");
    }

    public void Dispose()
    {
        OpenFolders();
        _folder.Dispose();
    }

    [Fact]
    public async Task WithoutSdkOffline_SaysWhatToInstall()
    {
        Tool("curl", "exit 6");
        Tool("wget", "exit 4");
        var (code, error) = await RunAsync();
        Assert.Equal(1, code);
        Assert.Contains("there is no .NET SDK 10.", error);
        Assert.Contains("it could not be fetched. Install the .NET SDK 10.", error);
    }

    [Fact]
    public async Task WithoutSdkOnline_FetchesTheOneThatGlobalJsonNames_AndBuildsWithIt()
    {
        // Stands for Microsoft's script: it "installs" a dotnet that tells what it is asked to do.
        Tool("curl", """
            while [ $# -gt 0 ]; do [ "$1" = -o ] && out=$2; shift; done
            cat > "$out" <<'SCRIPT'
            while [ $# -gt 0 ]; do case $1 in --install-dir) dir=$2;; --version) version=$2;; esac; shift; done
            mkdir -p "$dir"
            printf '#!/bin/bash\n[ "$1" = --version ] || echo "dotnet of %s: $*" >&2\nexit 3\n' "$version" > "$dir/dotnet"
            chmod +x "$dir/dotnet"
            SCRIPT
            """);
        var (_, error) = await RunAsync();
        Assert.Contains("fetching it into", error);
        Assert.Matches(@"dotnet of 10\.0\.\d+: build .* build/programs.proj", error);
    }

    [Theory]
    [InlineData("missing", "does not exist")]
    [InlineData("file", "is no folder")]
    [InlineData("closed", "cannot be written")]
    public async Task WithoutAHome_BuildsAndRunsWithAPrivateFolder_AndSaysSo(string home, string wrong)
    {
        HomesAndDotnet();
        var folder = $"/var/tmp/dtt-{(_asNobody.Length > 0 ? Nobody : Native.UserId())}";
        var wasThere = Directory.Exists(folder);
        var (code, error) = await RunAsync([.. _asNobody, _folder["dtt/dtt"], "runs"], ("HOME", _folder[home]));
        if (!wasThere) Directory.Delete(folder, recursive: true);
        Assert.Equal(0, code);
        Assert.Contains($"dtt: HOME is {_folder[home]}, which {wrong}: DTT keeps its state in {folder}.", error);
        Assert.Equal(folder, File.ReadAllText(_folder[Program]).Trim());
        Assert.Contains($"ran with DTT_HOME {folder}", error);
    }

    [Theory]
    [InlineData("missing")]
    [InlineData("file")]
    [InlineData("closed")]
    public async Task WithoutAHome_DttHomeIsUsedForAll(string home)
    {
        HomesAndDotnet();
        var (code, error) = await RunAsync([.. _asNobody, _folder["dtt/dtt"], "runs"], ("HOME", _folder[home]), ("DTT_HOME", _folder["open/dtt"]));
        Assert.Equal(0, code);
        Assert.DoesNotContain("HOME is", error);
        Assert.Equal(_folder["open/dtt"], File.ReadAllText(_folder[Program]).Trim());
        Assert.Contains($"ran with DTT_HOME {_folder["open/dtt"]}", error);
        Assert.Equal((UnixFileMode)0b111_000_000, File.GetUnixFileMode(_folder["open/dtt"]));
    }

    [Fact]
    public async Task WithoutAHomeAndWithADttHomeThatCannotBeWritten_SaysBoth()
    {
        HomesAndDotnet();
        var (code, error) = await RunAsync([.. _asNobody, _folder["dtt/dtt"], "runs"], ("HOME", _folder["missing"]), ("DTT_HOME", _folder["closed"]));
        Assert.Equal(2, code);
        Assert.Contains($"HOME is {_folder["missing"]}, which does not exist, and {_folder["closed"]} is no folder of yours that can be written", error);
    }

    [Fact]
    public async Task WithoutTheVariableHome_TheUserDatabaseHasIt()
    {
        HomesAndDotnet();
        var (code, error) = await RunAsync([_folder["dtt/dtt"], "runs"], ("DTT_HOME", _folder["open/dtt"]));
        Assert.Equal(0, code);
        Assert.Matches($"ran with DTT_HOME {_folder["open/dtt"]} HOME /", error);
    }

    [Fact]
    public async Task ReadOnlyCheckout_RunsItsBuild_ElseSaysWhoCanBuildIt()
    {
        HomesAndDotnet();
        foreach (var folder in Directory.EnumerateDirectories(_folder["dtt"]).Append(_folder["dtt"])) File.SetUnixFileMode(folder, NobodyWrites);
        var (code, error) = await RunAsync([.. _asNobody, _folder["dtt/dtt"], "runs"], ("HOME", _folder["open"]));
        Assert.Equal(1, code);
        Assert.Contains($"{_folder["dtt"]} cannot be written, so nothing can be built there. Have its owner run ./dtt --rebuild", error);

        File.SetUnixFileMode(_folder["dtt"], Everybody);
        _folder.Write(Program, "");
        foreach (var folder in new[] { "dtt/artifacts", "dtt" }) File.SetUnixFileMode(_folder[folder], NobodyWrites);
        (code, error) = await RunAsync([.. _asNobody, _folder["dtt/dtt"], "runs"], ("HOME", _folder["open"]));
        Assert.Equal(0, code);
        Assert.Contains("its build stays, though it is older than the sources", error);
        Assert.Contains("ran with", error);
    }

    [Fact]
    public async Task SdkThatDoesNotRun_IsNamedWithItsOwnWords_AndNothingIsFetched()
    {
        Tool("dotnet", "echo 'libicu is missing' >&2; exit 134");
        var (code, error) = await RunAsync();
        Assert.Equal(1, code);
        Assert.Contains($"dtt: {_folder["bin/dotnet"]} is here and does not run (exit code 134):{Environment.NewLine}libicu is missing", error);
        Assert.DoesNotContain("fetching", error);
    }

    [Fact]
    public async Task Publish_CopiesProgramsAndRuntime_WhichThenRunWithoutSourcesOrSdk()
    {
        foreach (var file in new[] { "env.sh", "README.md", "docs/a", "configs/a", "sbatch/silo.sh", "artifacts/bin/Dtt.Training/release/dtt-rank.dll" })
            _folder.Write("dtt/" + file, "");
        _folder.Write("dtt/artifacts/publish/Dtt.Cli/debug_linux-x64/dtt.dll", "");
        _folder.Write("dtt/artifacts/publish/Dtt.Cli/release_linux-x64/dtt.runtimeconfig.json", """{"framework": {"name": "Microsoft.NETCore.App"}}""");
        _folder.Write("net/host/fxr", "");
        _folder.Write("net/shared/Microsoft.NETCore.App/10.0.1/a.dll", "");
        _folder.Write("net/shared/Microsoft.NETCore.App/10.0.2/a.dll", "");
        Tool("dotnet", $"""
            runtimes={_folder["net"]}/shared/Microsoft.NETCore.App
            case $1 in
              --list-runtimes) printf 'Microsoft.NETCore.App 10.0.%s [%s]\n' 1 "$runtimes" 2 "$runtimes" ;;
              *) echo "$0 ran $*" >&2 ;;
            esac
            """);
        File.Copy(_folder["bin/dotnet"], _folder["net/dotnet"]);
        _folder.Write(Program, "");
        _folder.Write("dtt/artifacts/built", "");

        var (code, error) = await RunAsync([_folder["dtt/dtt"], "publish", _folder["out"]], ("HOME", _folder.Path));
        Assert.True(code == 0, error);
        Assert.Contains($"{_folder["out"]} holds DTT and its .NET runtime, ", error);
        Assert.Equal(["10.0.2"], Directory.GetDirectories(_folder["out/.dotnet/shared/Microsoft.NETCore.App"]).Select(Path.GetFileName));
        Assert.False(Directory.Exists(_folder["out/artifacts/publish/Dtt.Cli/debug_linux-x64"]));
        Assert.True(File.Exists(_folder["out/sbatch/silo.sh"]) && File.Exists(_folder["out/artifacts/bin/Dtt.Training/release/dtt-rank.dll"]));

        File.Delete(_folder["bin/dotnet"]);
        (code, error) = await RunAsync([_folder["out/dtt"], "runs"], ("HOME", _folder.Path));
        Assert.Equal(0, code);
        Assert.Contains($"{_folder["out/.dotnet/dotnet"]} ran {_folder["out/artifacts/publish/Dtt.Cli/release_linux-x64/dtt.dll"]} runs", error);

        (code, error) = await RunAsync([_folder["out/dtt"], "publish", _folder["again"]], ("HOME", _folder.Path));
        Assert.Equal(2, code);
        Assert.Contains("is a published copy, without sources; publish works where it was published from", error);
    }

    private void OpenFolders()
    {
        foreach (var folder in Directory.EnumerateDirectories(_folder.Path, "*", SearchOption.AllDirectories)) File.SetUnixFileMode(folder, Everybody);
    }

    /// <summary>Homes of every kind, and a dotnet that needs one as the real one does.</summary>
    private void HomesAndDotnet()
    {
        if (_asNobody.Length > 0 && !File.Exists(_asNobody[0])) Assert.Skip("root may write everywhere, and there is no setpriv to be somebody else.");
        foreach (var folder in new[] { "open", "closed" }) Directory.CreateDirectory(_folder[folder]);
        _folder.Write("file", "");
        Tool("dotnet", $$"""
            case $1 in
              --version) [ -d "$HOME" ] && [ -w "$HOME" ] || { echo "The user's home directory could not be determined." >&2; exit 1; } ;;
              --list-runtimes) echo "Microsoft.NETCore.App 10.0.0 [here]" ;;
              build) mkdir -p "{{Path.GetDirectoryName(_folder[Program])}}"; echo "$HOME" > "{{_folder[Program]}}" ;;
              *) echo "ran with DTT_HOME $DTT_HOME HOME $HOME" >&2 ;;
            esac
            """);
        File.SetUnixFileMode(_folder.Path, Everybody);
        OpenFolders();
        File.SetUnixFileMode(_folder["closed"], NobodyWrites);
    }

    private void Tool(string name, string body)
    {
        File.WriteAllText(_folder["bin/" + name], "#!/bin/bash\n" + body + "\n");
        File.SetUnixFileMode(_folder["bin/" + name], NobodyWrites);
    }

    private Task<(int Code, string Error)> RunAsync() => RunAsync([_folder["dtt/dtt"], "runs"], ("HOME", _folder.Path));

    private async Task<(int Code, string Error)> RunAsync(string[] command, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardError = true, RedirectStandardOutput = true };
        start.Environment.Clear();
        start.Environment["PATH"] = _folder["bin"];
        foreach (var (name, value) in environment) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, error);
    }
}
